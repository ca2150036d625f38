// A range that a reader has zoomed to stays until it is given back, whatever the kernel says of that axis
// meanwhile: for plotly a new range ends a zoom.

const PLOT_ENDS = [0, 1];
const PLOT_ZOOM = /^[xy]axis\d*\.range\[/;
const PLOT_OTHER_AXIS = /^yaxis\d*\.title|^[xy]axis\d*\.type/;

// the axes that a reader has zoomed, by what plotly has noted of them; it notes ranges of its own as well
function plotZoomed(gd) {
  const noted = Object.keys(gd._fullLayout._preGUI).filter((path) => PLOT_ZOOM.test(path));
  const axes = new Set(noted.map((path) => plotKeys(path)[0]));
  return new Set([...axes].filter((axis) => !gd._fullLayout[axis].autorange));
}

// what plotly is told of a zoomed axis: the same as before the zoom; another figure with other ranges ends it
function plotKeepZoom(gd, layout, anew) {
  for (const axis of plotZoomed(gd)) {
    const { range } = layout[axis] ?? {};
    if (!range) continue;
    const noted = PLOT_ENDS.map((end) => gd._fullLayout._preGUI[`${axis}.range[${end}]`]);
    const before = noted.map((value, end) => value ?? range[end]);
    if (anew && PLOT_ENDS.some((end) => before[end] !== range[end])) plotForget(gd, axis);
    else layout[axis] = { ...layout[axis], range: before };
  }
}

// all axes stay as the reader sees them, zoomed or not
function plotHold(gd, layout) {
  for (const [name, axis] of Object.entries(gd._fullLayout)) {
    if (PLOT_AXIS.test(name) && axis.range) {
      layout[name] = { ...layout[name], range: [...axis.range], autorange: false };
    }
  }
}

// a double click leads to what the kernel says now; plotly's own way back is the first range of all
function plotWayBack(gd, layout) {
  for (const [axis, { range }] of Object.entries(layout).filter(([name]) => PLOT_AXIS.test(name))) {
    const full = gd._fullLayout[axis];
    if (full && range) [full._rangeInitial0, full._rangeInitial1] = range;
  }
}

// once a reader is back there, an axis is the kernel's again
function plotEndZoom(gd) {
  for (const axis of plotZoomed(gd)) {
    const full = gd._fullLayout[axis];
    const away = PLOT_ENDS.some((end) => full.range[end] !== full[`_rangeInitial${end}`]);
    if (!away) plotForget(gd, axis);
  }
}

// a zoom into what is not there any more ends: after Reset, or where the axis counts something else
function plotLeaveZoom(gd, before, after, changed) {
  const others = changed.filter((path) => PLOT_OTHER_AXIS.test(path)).map((path) => plotKeys(path)[0]);
  if (before.meta?.x !== after.meta?.x) others.push("xaxis");
  for (const axis of plotZoomed(gd)) {
    const [shown, told] = [gd._fullLayout[axis].range, after[axis]?.range];
    const apart = told && (Math.max(...told) <= Math.min(...shown) || Math.min(...told) >= Math.max(...shown));
    if (apart || others.includes(axis)) plotForget(gd, axis);
  }
}

function plotForget(gd, axis) {
  const noted = gd._fullLayout._preGUI;
  for (const path of Object.keys(noted)) if (plotKeys(path)[0] === axis) delete noted[path];
}
