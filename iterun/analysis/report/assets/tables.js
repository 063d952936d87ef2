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
  const full = keyed.filter(([key]) => key !== "");
  full.sort(([a], [b]) => (descending ? compareKeys(b, a) : compareKeys(a, b)));
  body.append(...full.map(([, row]) => row), ...keyed.filter(([key]) => key === "").map(([, row]) => row));
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
  const text = row.cells[index].querySelector("bdi, .state").lastChild?.textContent.trim() ?? "";
  const number = row.cells[index].dataset.k;
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
  const STEP = 500;
  const field = document.getElementById("filter");
  const count = document.getElementById("count");
  const more = document.getElementById("more");
  const heads = [...table.tHead.rows[0].cells].map((head) => head.textContent.trim());
  let most = STEP;
  let wait = 0;
  const apply = () => {
    const words = field.value.split(/\s+/).filter(Boolean);
    const rows = [...table.tBodies[0].rows];
    let fit = 0;
    for (const row of rows) {
      const fits = words.every((word) => holds(row, word, heads));
      fit += fits;
      row.hidden = !fits || fit > most;
    }
    const shown = Math.min(fit, most);
    count.textContent = words.length ? `${fit.toLocaleString()} of ${rows.length.toLocaleString()} fit` : `${rows.length.toLocaleString()} runs`;
    more.hidden = fit <= shown;
    more.textContent = `${shown.toLocaleString()} are shown; show all ${fit.toLocaleString()}`;
  };
  field.addEventListener("input", () => {
    clearTimeout(wait);
    wait = setTimeout(apply, table.rows.length > 1000 ? 150 : 0);
  });
  table.addEventListener("sorted", apply);
  more.addEventListener("click", () => {
    most = Infinity;
    apply();
  });
  apply();
}
