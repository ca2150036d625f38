// From a figure as the kernel describes it, in light colours and normal type, to what plotly draws.

const PLOT_LARGE = 1.5;
const PLOT_LARGE_HEIGHT = 1.25;
const PLOT_DIMMED = 0.15;
const PLOT_LEGEND_LETTER = 6.2; // pixels, of the size that the figures' legends have
const PLOT_LEGEND_MARK = 41;
const PLOT_LEGEND_ROW = 19;
const PLOT_HEIGHTS = { adaptation: 272, task: 272, training: 174 };

const PLOT_LIGHT_AXIS = { gridcolor: "#e6e6e6", linecolor: "#999999", zerolinecolor: "#999999" };
const PLOT_DARK_AXIS = { gridcolor: "#3a3a3a", linecolor: "#888888", zerolinecolor: "#888888" };

// lists that plotly compares by identity, and that hold no colours
const PLOT_POINTS = new Set(["x", "y", "z", "text", "customdata", "ids", "hovertext", "source"]);
const PLOT_MARGINS = new Set(["l", "r", "t", "b"]);
const PLOT_AXIS = /^[xy]axis\d*$/;
const PLOT_SIZES = new Set(["size", "standoff", "xshift", "yshift", "ticklen"]);

// what the figure's own title takes up: on the page the title stands above the plot
function plotTitleHeight(figure, look) {
  return look.titled ? 0 : (figure?.layout.meta?.title_height ?? 0);
}

function plotHeight(panel, figure, look) {
  const height = (figure?.layout.height ?? PLOT_HEIGHTS[panel]) - plotTitleHeight(figure, look);
  return Math.round(height * (look.large ? PLOT_LARGE_HEIGHT : 1));
}

// the figure's title is "<b>name</b> · what it shows", escaped: as elements without plotly
function plotShowTitle(element, figure) {
  const text = (plotTitleHeight(figure, {}) && figure.layout.title?.text) || "";
  if (element.dataset.text === text) return;
  element.dataset.text = text;
  const { childNodes, textContent } = new DOMParser().parseFromString(text, "text/html").body;
  element.replaceChildren(...[...childNodes].map((part) => {
    const copy = document.createElement(part.nodeName === "B" ? "b" : "span");
    copy.textContent = part.textContent;
    return copy;
  }));
  element.title = textContent;
}

// look: {panel, width, dark, colours, large, titled, step, lists, cursor}; lists and cursor are memories of
// what was derived before, so that it is the same object where nothing has changed
function plotDerived(figure, look) {
  const shown = plotShownStep(figure, look.step);
  const data = figure.data.map((trace) => {
    const derived = plotMapped(trace, "", "", look);
    if (look.large) plotEnlarge(derived);
    // plotly leaves out points that lie nearly on the line: `plotMove` has them all
    if (derived.type === "scatter") derived.line = { simplify: false, ...derived.line };
    if (derived.meta?.cursor && look.panel === "adaptation") {
      derived.x = plotCursor(look, look.step);
      derived.visible = look.step !== null;
    }
    const step = derived.meta?.inner_step;
    if (shown !== null && Number.isInteger(step) && step !== shown) {
      derived.opacity = (derived.opacity ?? 1) * PLOT_DIMMED;
    }
    return derived;
  });
  return { data, layout: plotLayout(figure, look) };
}

function plotLayout(figure, look) {
  const layout = plotMapped(figure.layout, "", "", look);
  const text = look.dark ? "#dddddd" : "#333333";
  const size = look.large ? PLOT_LARGE : 1;
  layout.font = { color: text, size: 12 * size, ...layout.font };
  layout.width = look.width;
  layout.height = plotHeight(look.panel, figure, look);
  const elsewhere = plotTitleHeight(figure, look);
  if (elsewhere) {
    layout.title = { text: "" };
    layout.margin.t -= elsewhere * size;
  }
  layout.autosize = false;
  layout.paper_bgcolor = layout.plot_bgcolor = look.paper ?? "rgba(0,0,0,0)";
  layout.hoverlabel = {
    bgcolor: look.dark ? "#1c1c1c" : "#ffffff",
    bordercolor: look.dark ? "#666666" : "#bbbbbb",
    ...layout.hoverlabel,
    font: { color: text, ...layout.hoverlabel?.font },
  };
  layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: "#999999", activecolor: text };
  layout.uirevision ??= "lab";
  if (plotEditable(figure)) layout.dragmode = false;
  const more = plotLegendRows(figure, look) - 1;
  if (more > 0 && layout.margin) layout.margin.t += more * PLOT_LEGEND_ROW * size;
  for (const name of Object.keys(layout).filter((key) => PLOT_AXIS.test(key))) {
    layout[name] = {
      ...(look.dark ? PLOT_DARK_AXIS : PLOT_LIGHT_AXIS),
      // otherwise a third of each redraw goes into measuring every label
      ticklabeloverflow: "allow",
      ...layout[name],
    };
    // plotly writes a reader's zoom into the list that it was given
    if (layout[name].range) layout[name].range = [...layout[name].range];
  }
  return layout;
}

// how many rows the names above the axes will take: plotly gives all the room of the longest one
function plotLegendRows(figure, look) {
  const { legend, margin } = figure.layout;
  if (legend?.orientation !== "h" || legend.y !== 1) return 1;
  const names = figure.data
    .filter((trace) => trace.showlegend !== false && trace.visible !== false)
    .filter((trace) => (trace.legend ?? "legend") === "legend" && trace.type === "scatter")
    .map((trace) => trace.name ?? "");
  const letter = PLOT_LEGEND_LETTER * (look.large ? PLOT_LARGE : 1);
  const widths = names.map((name) => name.length * letter + PLOT_LEGEND_MARK);
  const room = look.width - ((margin?.l ?? 0) + (margin?.r ?? 0)) * (look.large ? PLOT_LARGE : 1);
  const sum = widths.reduce((total, width) => total + width, 0);
  if (sum <= room) return 1;
  return Math.ceil(names.length / Math.max(1, Math.floor(room / Math.max(...widths))));
}

function plotEditable(figure) {
  return Boolean(figure.layout.meta?.editable);
}

function plotMapped(value, key, parent, look) {
  if (typeof value === "string") return look.dark ? plotRecoloured(value, look.colours) : value;
  if (typeof value === "number") return look.large ? plotSized(value, key, parent) : value;
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) {
    if (PLOT_POINTS.has(key)) return value;
    if (!look.lists.has(value)) {
      look.lists.set(value, value.map((held) => plotMapped(held, key, parent, look)));
    }
    return look.lists.get(value);
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) => [name, plotMapped(held, name, key, look)])
  );
}

function plotRecoloured(text, colours) {
  return text
    .replace(/#[0-9a-f]{6}\b/gi, (hex) => colours[hex.toLowerCase()] ?? hex)
    .replace(/#([0-9a-f])([0-9a-f])([0-9a-f])\b/gi, (hex, r, g, b) =>
      (colours[`#${r}${r}${g}${g}${b}${b}`.toLowerCase()] ?? hex))
    .replace(/\b(rgba?)\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*/g, (start, kind, ...channels) => {
      const hex = channels.slice(0, 3).map((c) => Number(c).toString(16).padStart(2, "0")).join("");
      const mapped = colours[`#${hex}`];
      if (!mapped) return start;
      return `${kind}(${[1, 3, 5].map((i) => parseInt(mapped.slice(i, i + 2), 16)).join(",")}`;
    });
}

function plotSized(value, key, parent) {
  const width = key === "width" && parent === "line";
  const scaled = width || PLOT_SIZES.has(key) || (parent === "margin" && PLOT_MARGINS.has(key));
  return scaled ? value * PLOT_LARGE : value;
}

function plotEnlarge(trace) {
  if (trace.type !== "scatter") return;
  trace.line = { ...trace.line, width: trace.line?.width ?? 2 * PLOT_LARGE };
  trace.marker = { ...trace.marker, size: trace.marker?.size ?? 6 * PLOT_LARGE };
}

// the drawn inner step that is nearest to the wanted one: of many steps not each is drawn
function plotShownStep(figure, wanted) {
  if (wanted === null) return null;
  const steps = figure.data
    .filter((trace) => trace.visible !== false && Number.isInteger(trace.meta?.inner_step))
    .map((trace) => trace.meta.inner_step);
  if (!steps.length) return null;
  return steps.reduce((best, k) => (Math.abs(k - wanted) < Math.abs(best - wanted) ? k : best));
}

// the same list for the same step: for plotly another list is a change
function plotCursor(look, step) {
  if (look.cursor.step !== step) Object.assign(look.cursor, { step, x: [step, step] });
  return look.cursor.x;
}
