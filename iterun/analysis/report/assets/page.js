"use strict";
document.documentElement.classList.add("js");

// One element: make("td", {class: "num"}, "text", child). Text is set as text, never as markup.
const SVG = "http://www.w3.org/2000/svg";
function put(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}
const make = (name, attributes = {}, ...children) =>
  put(document.createElement(name), attributes, children);
const draw = (name, attributes = {}, ...children) =>
  put(document.createElementNS(SVG, name), attributes, children);
const all = (selector, node = document) => [...node.querySelectorAll(selector)];

// Light, dark, or what the system has.
function startTheme() {
  const button = document.getElementById("theme");
  const themes = ["auto", "light", "dark"];
  let chosen = 0;
  const show = () => {
    const theme = themes[chosen];
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `theme: ${theme}`;
  };
  button.addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    // From "auto" to the other one than what is seen: the first press always changes something.
    chosen = chosen === 0 ? (dark ? 1 : 2) : chosen === (dark ? 1 : 2) ? (dark ? 2 : 1) : 0;
    show();
  });
  show();
}

// A link to a run opens it.
function openTarget() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const run = target && target.closest("details");
  if (run) {
    run.open = true;
    target.scrollIntoView();
  }
}

function startPage() {
  for (const node of all(".tools, #theme")) node.hidden = false;
  startTheme();
  for (const button of all("[data-open]")) {
    button.addEventListener("click", () => {
      for (const run of all("details.run")) run.open = Boolean(button.dataset.open);
    });
  }
  addEventListener("hashchange", openTarget);
  openTarget();
  for (const table of all("table.sortable")) startSorting(table);
  startFilter();
  const found = JSON.parse(document.getElementById("curves").textContent);
  for (const figure of all("figure.chart")) new Chart(figure, found[Number(figure.dataset.chart)]);
  for (const series of all(".series.many")) startSlider(series);
}
addEventListener("DOMContentLoaded", startPage);
