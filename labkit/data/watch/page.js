// The page of `labkit watch`: asks for the runs every two seconds, and draws what has changed.
"use strict";

const SECONDS = 2;
const LONG = new Set(["progress", "note"]);
const token = new URLSearchParams(location.search).get("token") ?? "";
const element = (id) => document.getElementById(id);
let shown = null;
let order = { column: -1, down: false };
let timer = 0;
let asked = 0;

function cell(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text; // never as HTML
  return made;
}

function compared(one, other) {
  if (one === null || one === undefined) return 1;
  if (other === null || other === undefined) return -1;
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other));
}

function drawTable() {
  const heads = document.createElement("tr");
  shown.columns.forEach((name, column) => {
    const head = document.createElement("th");
    const sorted = order.column === column;
    const button = cell("button", name + (sorted ? (order.down ? " ▾" : " ▴") : ""));
    button.addEventListener("click", () => {
      order = { column, down: sorted && !order.down };
      drawTable();
    });
    head.setAttribute("aria-sort", sorted ? (order.down ? "descending" : "ascending") : "none");
    head.append(button);
    heads.append(head);
  });
  element("heads").replaceChildren(heads);
  const rows = [...shown.rows];
  if (order.column >= 0) {
    rows.sort((one, other) => compared(one[order.column]?.[1], other[order.column]?.[1]));
    if (order.down) rows.reverse();
  }
  element("rows").replaceChildren(
    ...rows.map((cells) => {
      const row = document.createElement("tr");
      cells.forEach(([text], column) => {
        const data = cell("td", text);
        if (column === 0) data.className = `state ${/^[a-z]+$/.test(text) ? text : ""}`;
        if (LONG.has(shown.columns[column])) data.className = "long";
        row.append(data);
      });
      return row;
    }),
  );
}

function drawStates() {
  const counts = new Map();
  for (const [[state]] of shown.rows) counts.set(state, (counts.get(state) ?? 0) + 1);
  const items = [...counts].map(([state, count]) => {
    const item = cell("li", `${count} ${state}`);
    item.className = `state ${/^[a-z]+$/.test(state) ? state : ""}`;
    return item;
  });
  const hidden = shown.runs - shown.rows.length;
  if (hidden) items.push(cell("li", `${hidden} filtered out`));
  element("states").replaceChildren(...items);
}

function drawMetrics() {
  element("metric").parentElement.hidden = !shown.metrics.length;
  element("metric").replaceChildren(
    ...shown.metrics.map((name) => {
      const option = cell("option", name);
      option.value = name;
      option.selected = name === shown.metric;
      return option;
    }),
  );
}

function drawFigures() {
  element("curves").classList.toggle("alone", !shown.figures.importance);
  for (const name of ["curves", "importance", "parallel", "against"]) {
    const figure = shown.figures[name];
    element(name).hidden = !figure; // before it is drawn: what is hidden has no width
    if (figure) {
      const config = { displaylogo: false, responsive: true, showSendToCloud: false };
      Plotly.react(element(name), figure.data, figure.layout, config);
    }
  }
}

async function refresh() {
  clearTimeout(timer);
  const number = ++asked;
  const query = new URLSearchParams({ token, filter: element("filter").value });
  if (element("metric").value) query.set("metric", element("metric").value);
  if (shown) query.set("seen", shown.digest);
  try {
    const answer = await fetch(`runs?${query}`);
    if (!answer.ok) throw new Error(await answer.text());
    const data = await answer.json();
    if (number !== asked) return; // a later question is on its way
    element("message").textContent = "";
    if (data.rows) {
      shown = data;
      element("folders").textContent = data.folders.join(", ");
      drawStates();
      drawMetrics();
      drawTable();
      drawFigures();
    }
  } catch (error) {
    if (number !== asked) return;
    element("message").textContent =
      error instanceof TypeError ? "labkit watch has ended: this is what it showed last" : error.message;
  }
  timer = setTimeout(refresh, SECONDS * 1000);
}

element("filter").addEventListener("input", refresh);
element("metric").addEventListener("change", refresh);
refresh();
