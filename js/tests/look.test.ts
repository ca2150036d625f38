import { describe, expect, it } from "vitest";
import type { Figure, Trace } from "../src/plots/figure";
import {
  deriveFigure,
  legendRows,
  nearestStep,
  type PanelLook,
  plotHeight,
} from "../src/plots/look";

const look = (more: Partial<PanelLook> = {}): PanelLook => ({
  panel: "adaptation",
  width: 460,
  dark: false,
  large: false,
  colours: {},
  step: null,
  lists: new WeakMap(),
  cursor: {},
  ...more,
});

const scatter = (more: Partial<Trace> = {}): Trace => ({
  type: "scatter",
  x: [1],
  y: [2],
  ...more,
});

const figure = (data: Trace[], layout = {}): Figure => ({ data, layout });

describe("a figure in large type", () => {
  const layout = { margin: { t: 40, l: 10 }, yaxis: { title: { standoff: 2 } }, legend: { y: 1 } };
  const large = deriveFigure(figure([scatter()], layout), look({ large: true }));

  it("has larger lines, points, margins and distances, and nothing else", () => {
    expect(large.data[0]).toMatchObject({ x: [1], line: { width: 3 }, marker: { size: 9 } });
    expect(large.layout).toMatchObject({
      margin: { t: 60, l: 15 },
      yaxis: { title: { standoff: 3 } },
      legend: { y: 1 },
      font: { size: 18 },
      height: 340,
    });
  });
});

describe("a panel that fills the screen", () => {
  it("has the height that is left, with a title or without, in any type", () => {
    const tall = figure([scatter()], { height: 300, meta: { title_height: 20 } });
    for (const large of [false, true]) {
      expect(plotHeight("task", tall, { large, room: 812 })).toBe(812);
      expect(deriveFigure(tall, look({ large, room: 812 })).layout.height).toBe(812);
    }
    expect(plotHeight("task", tall, { large: false, room: null })).toBe(280);
  });
});

describe("words that have no room", () => {
  const layout = () => ({
    margin: { l: 50, r: 10, t: 24, b: 60 },
    font: { size: 12 },
    title: { text: `<b>${"n".repeat(60)}</b>`, font: { size: 13 } },
    xaxis: { title: { text: "x".repeat(40) } },
    yaxis: { title: { text: "y" } },
    legend2: { orientation: "v", y: 0, yref: "container", font: { size: 11 } },
    annotations: [{ text: `a<br>${"b".repeat(50)}`, font: { size: 11 } }],
  });
  const trace = scatter({ name: "k".repeat(40), legend: "legend2" });
  const drawn = (width: number, titled = false) =>
    deriveFigure(figure([trace], layout()), look({ width, titled })).layout as ReturnType<
      typeof layout
    >;
  const size = ({ title }: { title: object }) => (title as { font: { size: number } }).font.size;

  it("are smaller, as much as it takes", () => {
    const narrow = drawn(300);
    expect(size(narrow.xaxis) * 40 * 0.56).toBeCloseTo(2 * (300 - 170));
    expect(narrow.annotations[0].font.size * 50 * 0.56).toBeCloseTo(300);
    expect(narrow.legend2.font.size * 40 * 0.56).toBeCloseTo(300 - 60 - 41);
    expect(size(drawn(300, true)) * 60 * 0.56).toBeCloseTo(300 - 16);
  });

  it("have their usual size where they have room", () => {
    const wide = drawn(900, true);
    expect([size(wide), size(wide.xaxis), size(wide.yaxis)]).toEqual([13, 12 * 1.2, 12 * 1.2]);
    expect([wide.annotations[0].font.size, wide.legend2.font.size]).toEqual([11, 11]);
  });

  it("of a column of names end at the lower end of the plot", () => {
    expect(drawn(900).legend2).toMatchObject({ yref: "paper", y: -60 / (272 - 24 - 60) });
  });
});

describe("a figure on a dark theme", () => {
  const colours = { "#0072b2": "#56b4e9", "#ffffff": "#111111" };

  it.each([
    ["#0072B2", "#56b4e9"],
    ["#fff", "#111111"],
    ["rgba(0, 114, 178, 0.2)", "rgba(86,180,233, 0.2)"],
    ["rgb(0,114,178)", "rgb(86,180,233)"],
    ["#123456", "#123456"],
    ["<b style='color:#0072b2'>mean</b>", "<b style='color:#56b4e9'>mean</b>"],
  ])("has %s as %s", (light, dark) => {
    const { data } = deriveFigure(
      figure([scatter({ name: light })]),
      look({ dark: true, colours }),
    );
    expect(data[0].name).toBe(dark);
  });

  it("has the same list for the same list", () => {
    const shared = look({ dark: true, colours });
    const described = figure([scatter({ marker: { color: ["#0072b2"] } })]);
    const [one, other] = [deriveFigure(described, shared), deriveFigure(described, shared)];
    expect(one.data[0].marker?.color).toEqual(["#56b4e9"]);
    expect(one.data[0].marker?.color).toBe(other.data[0].marker?.color);
    expect(one.data[0].x).toBe(described.data[0].x);
  });
});

describe("an inner step that is shown", () => {
  const steps = figure([0, 5, 10].map((k) => scatter({ meta: { inner_step: k } })));

  it("is the nearest that is drawn", () => {
    expect([null, 0, 3, 8, 99].map((step) => nearestStep(steps, step))).toEqual([
      null,
      0,
      5,
      10,
      10,
    ]);
    expect(nearestStep(figure([scatter()]), 3)).toBeNull();
  });

  it("dims the others", () => {
    const { data } = deriveFigure(steps, look({ panel: "task", step: 5 }));
    expect(data.map((trace) => trace.opacity)).toEqual([0.15, undefined, 0.15]);
  });

  it("moves the cursor, whose list is the same for the same step", () => {
    const described = figure([scatter({ meta: { cursor: true } })]);
    const shared = look({ step: 2 });
    const [one, other] = [deriveFigure(described, shared), deriveFigure(described, shared)];
    expect(one.data[0]).toMatchObject({ x: [2, 2], visible: true });
    expect(one.data[0].x).toBe(other.data[0].x);
    expect(deriveFigure(described, look()).data[0].visible).toBe(false);
  });
});

describe("the title", () => {
  const titled = figure([], { height: 300, margin: { t: 50 }, meta: { title_height: 20 } });

  it("is above the plot, and takes no room in it", () => {
    expect(deriveFigure(titled, look()).layout).toMatchObject({
      title: { text: "" },
      height: 280,
      margin: { t: 30 },
    });
  });

  it("is in a picture", () => {
    const { layout } = deriveFigure(titled, look({ titled: true }));
    expect(layout).toMatchObject({ height: 300, margin: { t: 50 } });
    expect(layout.title).toBeUndefined();
  });

  it("counts in the height of large type", () => {
    expect(plotHeight("task", titled, { large: true })).toBe(350);
    expect(plotHeight("training", null, { large: false })).toBe(174);
  });
});

describe("a legend above the axes", () => {
  const legend = { orientation: "h", y: 1 };
  const names = (count: number) =>
    figure(
      Array.from({ length: count }, () => scatter({ name: "ten letters" })),
      { legend },
    );

  it("has as many rows as plotly gives it", () => {
    // each name takes 11 × 6.2 + 41 = 109.2 pixels
    expect(legendRows(names(4), { large: false, width: 460 })).toBe(1);
    expect(legendRows(names(5), { large: false, width: 460 })).toBe(2);
    expect(legendRows(names(5), { large: false, width: 100 })).toBe(5);
  });

  it("counts what it shows", () => {
    const hidden = names(9);
    for (const trace of hidden.data.slice(2)) trace.visible = false;
    expect(legendRows(hidden, { large: false, width: 460 })).toBe(1);
  });
});
