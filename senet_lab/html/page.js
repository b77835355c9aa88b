"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const ink = "currentColor";
const text = { labelColor: ink, titleColor: ink, labelFontSize: 12, titleFontSize: 12 };
const config = {
  aria: false, background: null, font: "system-ui, sans-serif", view: { stroke: null },
  axis: { ...text, titleFontWeight: "normal", domainColor: ink, tickColor: ink, gridColor: ink, gridOpacity: 0.15 },
  legend: text, header: text,
};

// Makes the points of charts whose specification has none: curves, and the gates of excitations.
function curvePoints(name, more) {
  return Object.entries(data.curves[name]).flatMap(([images, errors]) =>
    errors.map((error, i) => ({ ...more, images, error, epoch: i + 1 })));
}
function gatePoints(table) {
  return Object.entries(table.blocks).flatMap(([block, columns]) =>
    Object.entries(columns).filter(([name]) => name !== table.place).flatMap(([name, values]) =>
      values.map((y, i) => ({ block, class: name, x: columns[table.place][i], y }))));
}
function specOf(element) {
  if (element.dataset.curve) return { ...data.curve, data: { values: curvePoints(element.dataset.curve, {}) } };
  const { table, runs, ...spec } = data.charts[element.dataset.chart];
  if (table) spec.data = { values: gatePoints(table) };
  if (runs) spec.data = { values: runs.flatMap(({ row, seed, curve }) => curvePoints(curve, { row, seed: String(seed) }))
    .filter((point) => point.images === "evaluation images") };
  return spec;
}
async function draw(element) {
  if (element.dataset.drawn) return;
  element.dataset.drawn = "yes";
  const caption = element.parentElement.querySelector("figcaption");
  await vegaEmbed(element, specOf(element), { renderer: "svg", actions: false, config });
  const picture = element.querySelector("svg");
  for (const part of picture.querySelectorAll("[role]")) {  // one picture to a screen reader, not a hundred marks
    for (const name of ["role", "aria-roledescription", "aria-label"]) part.removeAttribute(name);
  }
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", caption.textContent);
}

// Charts are drawn one by one while the browser is idle. Charts of closed records are drawn when a record is opened.
const waiting = [...document.querySelectorAll("[data-chart]")];
function drawNext() {
  const element = waiting.shift();
  if (!element) { document.documentElement.dataset.ready = "yes"; return; }
  draw(element).catch((error) => { element.textContent = `This chart could not be drawn: ${error.message}`; })
    .finally(() => setTimeout(drawNext, 0));
}
document.addEventListener("toggle", (event) => {
  for (const element of event.target.querySelectorAll ? event.target.querySelectorAll("[data-curve]") : []) draw(element);
}, true);

// Sorting: by number where both values are numbers, else by text. Missing values always come last.
function compare(a, b, sign) {
  if (a === "" || b === "") return (a === "") - (b === "");
  const numbers = Number(a) - Number(b);
  return sign * (Number.isNaN(numbers) ? a.localeCompare(b, "en", { numeric: true }) : numbers);
}
for (const button of document.querySelectorAll("button.sort")) {
  button.addEventListener("click", () => {
    const head = button.parentElement, body = head.closest("table").tBodies[0], column = head.cellIndex;
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
    const value = (row) => row.cells[column].dataset.sort;
    body.append(...[...body.rows].sort((a, b) => compare(value(a), value(b), sign)));
  });
}

// The switch of protocol.
function show(button) {
  for (const other of button.parentElement.querySelectorAll("[data-view]")) {
    const chosen = other === button;
    other.setAttribute("aria-pressed", String(chosen));
    document.getElementById(other.dataset.view).hidden = !chosen;
  }
}
for (const group of document.querySelectorAll(".switch")) {
  for (const button of group.querySelectorAll("[data-view]")) button.addEventListener("click", () => show(button));
  show(group.querySelector("[data-view]"));
}

// Copying, with a second way for browsers that do not give the clipboard to local files.
async function copy(words) {
  try { await navigator.clipboard.writeText(words); } catch {
    const area = document.body.appendChild(document.createElement("textarea"));
    area.value = words;
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("the browser does not allow it");
  }
}
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const said = document.getElementById("said");
    try {
      await copy(data.copies[button.dataset.copy][button.dataset.as]);
      said.textContent = `Copied as ${button.dataset.as}.`;
      button.textContent = "copied";
    } catch (error) {
      said.textContent = `Not copied: ${error.message}.`;
      button.textContent = "not copied";
    }
    setTimeout(() => { button.textContent = button.dataset.as; }, 1500);
    button.focus();
  });
}

// A link to a record opens it.
function openTarget() {
  const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  if (!target) return;
  const closed = target.matches("details") ? [target] : target.matches(".cell") ? target.querySelectorAll("details") : [];
  for (const one of closed) one.open = true;
  target.scrollIntoView();
}
addEventListener("hashchange", openTarget);

document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
openTarget();
drawNext();
