// Sorting: a button in every head. Numbers by value, texts by the reader's alphabet, empty last.
const alphabet = new Intl.Collator(undefined, { numeric: true });

function keyOf(row, index) {
  const cell = row.cells[index];
  if (cell.dataset.k !== undefined) return Number(cell.dataset.k);
  return cell.textContent.trim();
}

function compareKeys(a, b) {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return typeof a === "number" ? a - b : alphabet.compare(a, b);
}

function sortTable(table, index, descending) {
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => [keyOf(row, index), row]);
  body.remove(); // apart from the page its rows are moved ten times as fast
  const full = keyed.filter(([key]) => key !== "");
  full.sort(([a], [b]) => (descending ? compareKeys(b, a) : compareKeys(a, b)));
  const empty = keyed.filter(([key]) => key === "");
  body.append(...[...full, ...empty].map(([, row]) => row));
  table.append(body);
}

function startSorting(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, index) => {
    const button = make("button", { type: "button" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const order = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", order);
      sortTable(table, index, order === "descending");
      table.dispatchEvent(new Event("sorted"));
    });
  });
}

// Filtering: words that a row holds, and conditions as `iterun ls` takes them.
const CONDITION = /^([^=<>!~]+)(!=|>=|<=|=|>|<|~)(.*)$/;

function holds(row, word, heads) {
  const found = CONDITION.exec(word);
  const name = found && { status: "state", task: "system", id: "run", tag: "tags" }[found[1]];
  const index = found ? heads.indexOf(name || found[1]) : -1;
  if (index < 0) return row.textContent.toLowerCase().includes(word.toLowerCase());
  const [, , sign, asked] = found;
  const cell = row.cells[index];
  const text = (cell.querySelector("bdi, .state") ?? cell).lastChild?.textContent.trim() ?? "";
  const number = cell.dataset.k;
  if (sign === "~") return text.toLowerCase().includes(asked.toLowerCase());
  const numeric = number !== undefined && asked !== "" && !Number.isNaN(Number(asked));
  const [a, b] = numeric ? [Number(number), Number(asked)] : [text, asked];
  if (sign === "=") return a === b || text === asked;
  if (sign === "!=") return a !== b && text !== asked;
  if (!numeric) return false;
  return { ">": a > b, "<": a < b, ">=": a >= b, "<=": a <= b }[sign];
}

function startFilter() {
  const table = document.getElementById("all");
  if (!table) return;
  const STEP = 2000;
  const field = document.getElementById("filter");
  const count = document.getElementById("count");
  const more = document.getElementById("more");
  const heads = [...table.tHead.rows[0].cells].map((head) => head.textContent.trim());
  let most = Number(table.dataset.first);
  let wait = 0;
  const apply = () => {
    const words = field.value.split(/\s+/).filter(Boolean);
    const rows = [...table.tBodies[0].rows];
    let fit = 0;
    for (const row of rows) {
      const fits = words.every((word) => holds(row, word, heads));
      fit += fits;
      row.classList.toggle("late", !fits || fit > most);
    }
    const shown = Math.min(fit, most);
    count.textContent = words.length ? `${fit.toLocaleString()} of ${rows.length.toLocaleString()} fit` : `${rows.length.toLocaleString()} runs`;
    more.hidden = fit <= shown;
    more.textContent = `${shown.toLocaleString()} are shown; show ${Math.min(STEP, fit - shown).toLocaleString()} more`;
  };
  field.addEventListener("input", () => {
    clearTimeout(wait);
    wait = setTimeout(apply, table.rows.length > 1000 ? 150 : 0);
  });
  table.addEventListener("sorted", apply);
  more.addEventListener("click", () => {
    most += STEP;
    apply();
  });
  apply();
}
