// Pictures of one name over the iterations: one at a time with a slider, or all as a sheet.
function startSlider(series) {
  const frames = all(".frame", series);
  const range = make("input", { type: "range", min: 0, max: frames.length - 1, step: 1 });
  const label = make("output", {});
  const sheet = make("button", { type: "button", "aria-pressed": "false" }, "all");
  range.value = String(frames.length - 1);
  range.setAttribute("aria-label", `Iteration of ${series.querySelector("figcaption").textContent}`);
  const show = () => {
    const whole = sheet.getAttribute("aria-pressed") === "true";
    series.classList.toggle("single", !whole);
    range.disabled = whole;
    frames.forEach((frame, k) => {
      frame.hidden = !whole && k !== Number(range.value);
    });
    label.textContent = whole ? `${frames.length} pictures` : `${Number(range.value) + 1} of ${frames.length}`;
  };
  range.addEventListener("input", show);
  sheet.addEventListener("click", () => {
    sheet.setAttribute("aria-pressed", String(sheet.getAttribute("aria-pressed") !== "true"));
    show();
  });
  series.append(make("div", { class: "slider" }, range, label, sheet));
  show();
}
