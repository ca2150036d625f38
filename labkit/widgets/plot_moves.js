// Points that move and words that change or come are put in place here where nothing else changes: plotly
// lays out, measures and makes every axis and label anew for each change. Where an axis gets another range
// plotly makes the axes, and no more.

const PLOT_QUICK = new Set(["x", "y", "text", "hovertext"]);
const PLOT_SCALE = /^[xy]axis\.(range|tickvals|ticktext)$/;

// whether a message changes nothing else that is drawn; titled: the plot itself has the title
function plotMovesOnly({ traces, layout }, titled) {
  const other = (path) => plotKeys(path)[0] !== "meta" && !PLOT_SCALE.test(path);
  const drawn = (path) => other(path) && (titled || path !== "title.text");
  const paths = traces.flatMap(([, changed]) => Object.keys(changed));
  return paths.every((path) => PLOT_QUICK.has(path)) && !Object.keys(layout).some(drawn);
}

// gives axes other ranges and numbers, by path of the layout; false where plotly has chosen the range
async function plotRescale(Plotly, gd, scales) {
  if (scales.some(([path]) => gd._fullLayout[plotKeys(path)[0]].autorange)) return false;
  // lists of plotly's own, which it changes in place
  const lists = scales.map(([path, value]) => [path, Array.isArray(value) ? [...value] : value]);
  await Plotly.relayout(gd, Object.fromEntries(lists));
  return true;
}

// draws what has changed, by index of the trace its paths; false, and nothing drawn, where plotly must
function plotMove(gd, figure, changed) {
  const drawings = [];
  for (const [index, paths] of changed) {
    const full = gd._fullData[index];
    const hidden = (gd.data[index].visible ?? true) !== true;
    // plotly takes a trace without points for a hidden one, and has made nothing for it
    if (hidden || (full.visible !== true && !plotHasPoints(figure.data[index]))) continue;
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

function plotHasPoints({ x, y }) {
  return Math.min(x?.length ?? 0, y?.length ?? 0) > 0;
}

// what is to be done to one trace's elements; null where plotly must make them
function plotMovedTrace(gd, full, trace, paths) {
  const element = gd.querySelector(`.scatterlayer .trace${full.uid}`);
  if (!element || full.visible !== true || full.type !== "scatter") return null;
  const written = full.mode.includes("text");
  if (!paths.has("x") && !paths.has("y") && !(written && paths.has("text"))) return [];
  const axes = ["xaxis", "yaxis"].map((name) => gd._fullLayout[full[name].replace(/^[xy]/, "$&axis")]);
  const follows = axes.some((axis) => axis.autorange && paths.has(axis._id[0]));
  const pieces = follows ? [] : plotPieces(axes, trace);
  if (!pieces.length) return null;
  if (!written) return plotMovedPoints(full, pieces, element);
  return full.mode === "text" ? plotMovedWords(element, pieces, trace.text) : null;
}

function plotMovedPoints(full, pieces, element) {
  const [lines, fills, points] = ["js-line", "js-fill", "point"].map((name) =>
    [...element.querySelectorAll(`path.${name}`)]);
  const filled = full.fill === "toself";
  const marked = full.mode.includes("markers");
  const whole = pieces.length === 1;
  const same =
    (full.mode.includes("lines") ? lines.length > 0 : !lines.length) &&
    fills.length === Number(filled) &&
    (whole || (!filled && !marked && pieces.every((piece) => piece.length > 1))) &&
    points.length === (marked ? pieces[0].length : 0) &&
    (filled || (full.fill ?? "none") === "none") &&
    (full.line?.shape ?? "linear") === "linear";
  if (!same) return null;
  const paths = pieces.map((piece) => `M${piece.map(plotPlace).join("L")}`);
  return [
    ...(lines.length ? plotAsMany(lines, paths, (line, path) => line.setAttribute("d", path)) : []),
    ...fills.map((fill) => () => fill.setAttribute("d", `${paths[0]}Z`)),
    ...points.map((point, i) => () => point.setAttribute("transform", `translate(${plotPlace(pieces[0][i])})`)),
  ];
}

// plotly has its own reading of markup
function plotMovedWords(element, [places, ...more], words) {
  const groups = [...element.querySelectorAll(".textpoint")];
  const plain = Array.isArray(words) && words.length === places.length && !words.some((word) => /[<&]/.test(word));
  if (more.length || !plain || !groups.length) return null;
  return plotAsMany(groups, places, (group, [left, top], i) => {
    const text = group.querySelector("text");
    text.setAttribute("x", left);
    text.setAttribute("y", top);
    text.textContent = words[i];
  });
}

// one element for each value: copies of the last where there are too few, and none too many
function plotAsMany(elements, values, put) {
  const last = elements.at(-1);
  return [
    () => elements.splice(values.length).forEach((element) => element.remove()),
    ...values.map((value, i) => () => {
      elements[i] ??= last.parentNode.appendChild(last.cloneNode(true));
      put(elements[i], value, i);
    }),
  ];
}

function plotPlace([left, top]) {
  return `${left.toFixed(2)},${top.toFixed(2)}`;
}

// pixels of all points, in pieces between the gaps
function plotPieces([across, up], { x, y }) {
  const pieces = [];
  let piece = null;
  for (let i = 0; i < Math.min(x?.length ?? 0, y?.length ?? 0); i += 1) {
    const place = [across.d2p(x[i]), up.d2p(y[i])];
    if (!place.every(Number.isFinite)) {
      piece = null;
    } else if (piece) {
      piece.push(place);
    } else {
      pieces.push((piece = [place]));
    }
  }
  return pieces;
}
