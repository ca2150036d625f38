// One plot: its figure as the kernel describes it, and how it is drawn.

function plotKeys(path) {
  return path.match(/[^.[\]]+/g);
}

// a copy along the path: what plotly compares by identity is new only where it has changed
function plotWith(holder, [key, ...rest], value) {
  const copy = Array.isArray(holder) ? [...holder] : { ...holder };
  const fresh = /^\d+$/.test(rest[0]) ? [] : {};
  copy[key] = rest.length ? plotWith(holder?.[key] ?? fresh, rest, value) : value;
  return copy;
}

// one panel: its figure as the kernel describes it, and the elements for its title and for plotly
class PlotPanel {
  constructor(name, gd, title) {
    Object.assign(this, { name, gd, title, figure: null, width: 0, dirty: false, drawn: false });
    this.since = 0;
    this.lists = new WeakMap();
    this.cursor = {};
    this.support = null;
    this.points = null; // what plotly's label at the pointer tells of
    this.moved = new Map(); // index of a trace → what of it plotly need not draw
    this.apart = new Map(); // the same of all that plotly has not drawn
    this.scales = new Map(); // path of an axis' range or numbers → its value
    this.anew = false; // whether it is another figure than was drawn
    this.altered = true; // whether anything else has changed
  }

  whole(figure) {
    // a pointer does other things to a figure that can be edited
    this.stale ||= this.drawn && plotEditable(figure) !== plotEditable(this.figure);
    this.figure = figure;
    this.anew = this.drawn;
    this.touch();
  }

  change({ traces, layout }) {
    const { data, layout: before } = this.figure;
    const titled = plotTitleHeight(this.figure, {}) === 0;
    const moves = plotMovesOnly({ traces, layout }, titled);
    for (const [index, paths] of traces) {
      for (const changed of [this.moved, this.apart]) {
        changed.set(index, new Set([...(changed.get(index) ?? []), ...Object.keys(paths)]));
      }
      for (const path in paths) data[index] = plotWith(data[index], plotKeys(path), paths[path]);
    }
    for (const path in layout) {
      if (PLOT_SCALE.test(path)) this.scales.set(path, layout[path]);
      this.figure.layout = plotWith(this.figure.layout, plotKeys(path), layout[path]);
    }
    if (this.drawn) plotLeaveZoom(this.gd, before, this.figure.layout, Object.keys(layout));
    this.touch(!moves);
  }

  // it is to be drawn again
  touch(altered = true) {
    if (!this.dirty) this.since = performance.now();
    this.dirty = true;
    this.altered ||= altered;
  }

  get drawable() {
    return this.dirty && this.figure !== null && this.width > 0;
  }

  derived(look) {
    return plotDerived(this.figure, { ...look, panel: this.name, width: this.width });
  }

  leave(Plotly) {
    this.support?.destroy();
    this.listening?.abort();
    if (this.drawn) Plotly.purge(this.gd);
    this.support = this.points = null;
    this.stale = this.drawn = false;
  }

  // whether plotly does not know of the last drawing
  get behind() {
    return this.apart.size > 0;
  }

  // whether it could be drawn without plotly, whose label at the pointer must know of all points
  get movable() {
    const still = this.drawn && !this.stale && !this.altered && !this.support?.moved;
    return still && !this.gd.matches(":hover");
  }

  // whether that would take no time worth mentioning
  get quick() {
    return this.movable && !this.scales.size;
  }

  // whether it took none
  async draw(Plotly, look, attach) {
    const { quick, movable } = this;
    let moved = false;
    this.dirty = this.altered = false;
    try {
      moved = movable && (await this.move(Plotly));
      if (moved) plotShowTitle(this.title, this.figure);
      else await this.drawByPlotly(Plotly, look, attach);
      plotWayBack(this.gd, this.figure.layout);
    } catch (error) {
      this.altered = true; // the next time it is left to plotly
      throw error;
    }
    this.gd.dispatchEvent(new CustomEvent("maml-lab-drawn"));
    return quick && moved;
  }

  // false where it is left to plotly
  async move(Plotly) {
    const { gd, figure, moved, apart } = this;
    const zoomed = plotZoomed(gd);
    const scales = [...this.scales].filter(([path]) => !zoomed.has(plotKeys(path)[0]));
    this.moved = new Map();
    this.scales = new Map();
    if (!scales.length) return plotMove(gd, figure, moved);
    // with other axes plotly puts back the points that it knows of
    return (await plotRescale(Plotly, gd, scales)) && plotMove(gd, figure, apart);
  }

  async drawByPlotly(Plotly, look, attach) {
    for (const changes of [this.moved, this.apart, this.scales]) changes.clear();
    const { anew } = this;
    this.anew = false;
    const { data, layout } = this.derived({ ...look, lists: this.lists, cursor: this.cursor });
    const margin = JSON.stringify(layout.margin);
    // plotly 4.1 leaves titles of axes where they were when a margin changes
    if (this.stale || (this.drawn && margin !== this.margin)) this.leave(Plotly);
    this.margin = margin;
    this.support?.apply(data);
    if (this.support?.moved) plotHold(this.gd, layout); // below a point that is dragged
    plotShowTitle(this.title, this.figure);
    if (this.drawn) {
      plotKeepZoom(this.gd, layout, anew);
      await Plotly.react(this.gd, data, layout, this.config);
      return;
    }
    this.drawn = true;
    // one object: plotly draws anew where it gets another
    this.config = plotConfig(this.figure);
    await Plotly.newPlot(this.gd, data, layout, this.config);
    attach(this);
  }
}

function plotConfig(figure) {
  const buttons = plotEditable(figure) ? [] : ["zoom2d", "pan2d"];
  return {
    displaylogo: false,
    displayModeBar: "hover",
    modeBarButtons: [[...buttons, "resetScale2d"]],
    doubleClick: "reset",
    responsive: false,
  };
}
