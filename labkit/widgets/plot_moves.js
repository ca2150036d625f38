// Points that move and words that change are put in place here where nothing else changes: plotly lays
// out, measures and makes every axis and label anew for each change.

const PLOT_QUICK = new Set(["x", "y", "text", "hovertext"]);

// whether a message changes nothing else that is drawn; titled: the plot itself has the title
function plotMovesOnly({ traces, layout }, titled) {
  const drawn = (path) => plotKeys(path)[0] !== "meta" && (titled || path !== "title.text");
  const paths = traces.flatMap(([, changed]) => Object.keys(changed));
  return paths.every((path) => PLOT_QUICK.has(path)) && !Object.keys(layout).some(drawn);
}

// draws what has changed, by index of the trace its paths; false, and nothing drawn, where plotly must
function plotMove(gd, figure, changed) {
  const drawings = [];
  for (const [index, paths] of changed) {
    const full = gd._fullData[index];
    if (full.visible !== true) continue;
    const drawing = plotMovedTrace(gd, full, figure.data[index], paths);
    if (!drawing) return false;
    drawings.push(...drawing);
  }
  for (const draw of drawings) draw();
  for (const [index, paths] of changed) {
    // what a reader has done to plotly's own traces stays
    for (const path of paths) gd.data[index][path] = figure.data[index][path];
  }
  gd.layout.meta = figure.layout.meta;
  return true;
}

// what is to be done to one trace's elements; null where plotly must make other ones
function plotMovedTrace(gd, full, trace, paths) {
  const element = gd.querySelector(`.scatterlayer .trace${full.uid}`);
  if (!element || full.type !== "scatter") return null;
  const written = full.mode.includes("text");
  if (!paths.has("x") && !paths.has("y")) return written && paths.has("text") ? plotOtherWords(element, trace.text) : [];
  const axes = ["xaxis", "yaxis"].map((name) => gd._fullLayout[full[name].replace(/^[xy]/, "$&axis")]);
  const follows = axes.some((axis) => axis.autorange && paths.has(axis._id[0]));
  return written || follows ? null : plotMovedPoints(axes, full, trace, element);
}

function plotMovedPoints(axes, full, trace, element) {
  const places = plotPlaces(axes, trace);
  if (!places) return null;
  const [lines, fills, points] = ["js-line", "js-fill", "point"].map((name) =>
    [...element.querySelectorAll(`path.${name}`)]);
  const filled = full.fill === "toself";
  const same =
    lines.length === Number(full.mode.includes("lines")) &&
    fills.length === Number(filled) &&
    points.length === (full.mode.includes("markers") ? places.length : 0) &&
    (filled || (full.fill ?? "none") === "none") &&
    (full.line?.shape ?? "linear") === "linear";
  if (!same) return null;
  const path = `M${places.join("L")}`;
  return [
    ...lines.map((line) => () => line.setAttribute("d", path)),
    ...fills.map((fill) => () => fill.setAttribute("d", `${path}Z`)),
    ...points.map((point, i) => () => point.setAttribute("transform", `translate(${places[i]})`)),
  ];
}

// pixels of all points as "x,y"; null if there are none, or gaps
function plotPlaces([across, up], { x, y }) {
  if (!x || !y) return null;
  const places = [];
  for (let i = 0; i < Math.min(x.length, y.length); i += 1) {
    const [left, top] = [across.d2p(x[i]), up.d2p(y[i])];
    if (!Number.isFinite(left) || !Number.isFinite(top)) return null;
    places.push(`${left.toFixed(2)},${top.toFixed(2)}`);
  }
  return places.length ? places : null;
}

// plotly has its own reading of markup
function plotOtherWords(element, words) {
  const texts = [...element.querySelectorAll(".textpoint text")];
  const plain = Array.isArray(words) && !words.some((word) => /[<&]/.test(word));
  if (!plain || texts.length !== words.length) return null;
  return texts.map((text, i) => () => {
    text.textContent = words[i];
  });
}
