"""Points and words that the lab moves without plotly, against what plotly draws of them."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from plotly.offline import get_plotlyjs

from tests.browser.lab_page import pass_double_click
from tests.browser.plot_page import plot_page

PLOTS = """
const elements = Object.fromEntries(PANELS.map((name) => {
  const place = document.body.appendChild(document.createElement("div"));
  Object.assign(place, { id: name });
  place.style.width = "460px";
  return [name, place];
}));
const titles = Object.fromEntries(
  PANELS.map((name) => [name, document.createElement("div")]));
window.plots = new Plots({
  elements, titles, root: document.body, library: Promise.resolve(Plotly), emit() {},
});
window.grid = (n, make) => Array.from({ length: n }, (_, i) => make(i));
const lines = (name, more) => ({
  type: "scatter", mode: "lines", name, x: grid(11, (i) => i), y: grid(11, (i) => 10 - i), ...more,
});
const layout = (xaxis, yaxis) => ({
  margin: { l: 52, r: 12, t: 40, b: 40 }, hovermode: "x unified", xaxis, yaxis,
  yaxis2: { overlaying: "y", range: [0, 1], visible: false, fixedrange: true },
});
const words = {
  ...lines("changes"), mode: "text", yaxis: "y2", x: [20, 60], y: [1, 0.8],
  text: ["α 0.01", "K 2"], hovertext: ["one", "two"], textposition: "bottom right",
};
const marks = {
  ...lines("marks"), yaxis: "y2", line: { dash: "dash" }, x: [20, 20, NaN, 60, 60, NaN],
  y: [0, 0.7, NaN, 0, 0.7, NaN], hovertext: ["one", "one", "", "two", "two", ""],
};
const band = { ...lines("band"), fill: "toself", line: { width: 0 },
  x: [0, 5, 10, 10, 5, 0], y: [9, 5, 2, 1, 4, 8] };
const figures = () => ({
  adaptation: {
    data: [band, lines("mean", { mode: "lines+markers" }), lines("hidden", { visible: false })],
    layout: layout({ range: [-0.2, 10.2] }, { range: [0, 10.5] }),
  },
  task: { data: [lines("true"), lines("support", { mode: "markers" })],
    layout: layout({ range: [0, 10] }, {}) },
  training: { data: [lines("before"), words, marks],
    layout: layout({ range: [0, 100] }, { range: [-1, 1], type: "log" }) },
});
let number = 0;
window.send = (kind, news) => {
  plots.receive({ kind, number: (number += 1), figures: news }, []);
};
window.begin = async () => {
  send("whole", figures());
  while (plots.panels.some((panel) => !panel.drawn || panel.dirty) || plots.drawing)
    await new Promise(requestAnimationFrame);
};
// what has drawn the panel, once it is drawn
window.drawn = (name, act) => new Promise((done) => {
  const { gd } = plots.panels.find((panel) => panel.name === name);
  let by = "moved";
  const plotly = () => { by = "plotly"; };
  const axes = () => { by = "plotly's axes"; };
  gd.on("plotly_react", plotly);
  gd.on("plotly_relayout", axes);
  gd.addEventListener("maml-lab-drawn", () => {
    gd.removeListener("plotly_react", plotly);
    gd.removeListener("plotly_relayout", axes);
    done(by);
  }, { once: true });
  act(gd);
});
window.change = (name, index, paths, layout) => drawn(name, () =>
  send("changes", { [name]: { traces: [[index, paths]], layout } }));
"""

AGAIN = "() => drawn('{}', (gd) => gd.dispatchEvent(new PointerEvent('pointerenter')))"
"""As when a pointer comes, of which plotly makes its labels."""


@pytest.fixture(scope="module")
def opened(chromium: Browser) -> Iterator[Page]:
    with plot_page(chromium, get_plotlyjs(), PLOTS) as page:
        yield page


@pytest.fixture
def page(opened: Page) -> Page:
    """All three plots as plotly has drawn them, and the pointer elsewhere."""
    opened.mouse.move(1400, 5)
    opened.evaluate("begin()")
    return opened


def change(page: Page, name: str, index: int, paths: str, layout: str = "{}") -> str:
    """Who draws a panel of which this changes: "plotly", or the lab, which has "moved" it."""
    who: str = page.evaluate(f"() => change('{name}', {index}, {paths}, {layout})")
    return who


def shapes(page: Page, name: str) -> list[str]:
    names: list[str] = page.evaluate(
        """(name) => [...document.querySelectorAll(`#${name} .scatterlayer :is(path, text)`)]
          .map((shape) => shape.tagName + shape.textContent)""",
        name,
    )
    return names


def mean(page: Page) -> Any:
    """The trace of this name as plotly has it."""
    return page.evaluate(
        "() => { const { y, visible } = document.querySelector('#adaptation').data[1];"
        "return { y: [...y], visible }; }"
    )


FIVE = "[0.5, 2, 4, 6, 8]"
GAP = "NaN"
WORDS = "text: ['α 0.02', 'K 5', 'order 1'], hovertext: ['a', 'b', 'c']"
THREE = f"y: [0, 0.7, {GAP}, 0, 0.6, {GAP}, 0.1, 0.7]"


@pytest.mark.parametrize(
    ("name", "index", "paths"),
    [
        ("adaptation", 0, "{y: [9.5, 6, 3, 2, 5, 7]}"),
        ("adaptation", 1, "{y: grid(11, (i) => 8 / (i + 1))}"),
        ("adaptation", 1, "{y: grid(11, (i) => 2 * i - 4)}"),
        ("adaptation", 1, "{x: grid(11, (i) => 10 - i / 2), y: grid(11, (i) => 3 + i / 3)}"),
        ("task", 0, "{x: grid(11, (i) => 10 - i)}"),
        ("training", 0, f"{{x: {FIVE}, y: {FIVE}}}"),
        ("training", 0, "{x: grid(300, (i) => i / 3), y: grid(300, (i) => 1 + Math.sin(i) / 2)}"),
        ("training", 1, "{text: ['α 0.0123', 'K 5'], hovertext: ['a', 'b']}"),
        ("training", 1, "{x: [35.3, 70], y: [0.8, 1], text: ['α 0.02', 'order 1']}"),
        ("training", 1, f"{{x: [10, 30, 70], y: [1, 0.8, 0.9], {WORDS}}}"),
        ("training", 1, "{x: [40], y: [0.8], text: ['K 5'], hovertext: ['a']}"),
        ("training", 2, f"{{x: [5, 5, {GAP}, 30.5, 30.5, {GAP}, 90, 90], {THREE}}}"),
        ("training", 2, "{x: [44, 44], y: [0, 0.5]}"),
    ],
)
def test_what_moves_is_where_plotly_puts_it(page: Page, name: str, index: int, paths: str) -> None:
    place = page.locator(f"#{name}")
    before = place.screenshot()
    assert change(page, name, index, paths, "{meta: {alpha: 0.1}}") == "moved"
    assert page.evaluate(f"document.querySelector('#{name}').layout.meta.alpha") == 0.1
    after, picture = shapes(page, name), place.screenshot()
    assert picture != before
    assert page.evaluate(AGAIN.format(name)) == "plotly"
    assert shapes(page, name) == after
    assert place.screenshot() == picture
    # of what plotly knows it has nothing to do
    page.evaluate(f"document.querySelector('#{name}').dispatchEvent(new Event('pointerenter'))")
    assert page.evaluate("plots.frame") == 0


INTERRUPTED = "grid(11, (i) => i === 4 ? NaN : 3)"
ONES = "{y: grid(11, () => 1)}"


@pytest.mark.parametrize(
    ("name", "index", "paths", "layout"),
    [
        pytest.param("adaptation", 1, f"{{y: {INTERRUPTED}}}", "{}", id="gap between markers"),
        pytest.param("adaptation", 1, f"{{x: {FIVE}, y: {FIVE}}}", "{}", id="fewer markers"),
        pytest.param("adaptation", 1, "{x: [], y: []}", "{}", id="nothing"),
        pytest.param("adaptation", 1, "{'line.color': '#d55e00'}", "{}", id="colour"),
        pytest.param("adaptation", 1, ONES, "{'yaxis.gridcolor': '#d55e00'}", id="grid"),
        pytest.param("adaptation", 1, ONES, "{'title.text': '<b>mean</b>'}", id="title"),
        pytest.param("task", 0, ONES, "{}", id="axis that follows"),
        pytest.param("task", 0, "{}", "{'yaxis.range': [0, 9]}", id="axis that followed"),
        pytest.param("training", 0, "{y: grid(11, () => 0)}", "{}", id="logarithm of zero"),
        pytest.param("training", 2, "{x: [], y: []}", "{}", id="no line left"),
        pytest.param("training", 2, f"{{x: [9, {GAP}, 9, 9]}}", "{}", id="a point between gaps"),
        pytest.param("training", 1, f"{{x: [10, {GAP}]}}", "{}", id="words in a gap"),
        pytest.param("training", 1, "{text: ['<b>α</b> 0.02', 'K 2']}", "{}", id="markup"),
        pytest.param("training", 1, "{text: ['α 0.02']}", "{}", id="a point without a word"),
    ],
)
def test_what_does_more_than_move_is_left_to_plotly(
    page: Page, name: str, index: int, paths: str, layout: str
) -> None:
    assert change(page, name, index, paths, layout) == "plotly"


NUMBERS = (
    "{'yaxis.range': [-0.5, 1.5], 'yaxis.tickvals': [1, 10], 'yaxis.ticktext': ['one', 'ten']}"
)
EARLIER = {
    "adaptation": [(0, "{y: [8, 7, 6, 3, 4, 5]}"), (1, "{y: grid(11, (i) => 8 / (i + 1))}")],
    "training": [(0, f"{{x: {FIVE}, y: {FIVE}}}"), (2, "{x: [44, 44], y: [0, 0.5]}")],
}
"""Movements that plotly does not know of as the axes change."""


@pytest.mark.parametrize(
    ("name", "index", "paths", "layout"),
    [
        ("adaptation", 1, ONES, "{'yaxis.range': [0, 2]}"),
        ("adaptation", 0, "{y: [9.5, 6, 3, 2, 5, 7]}", "{'xaxis.range': [-0.2, 5.2]}"),
        ("training", 0, "{y: grid(5, (i) => i + 0.5)}", "{'xaxis.range': [0, 10]}"),
        ("training", 1, f"{{x: [10, 30, 70], y: [1, 0.8, 0.9], {WORDS}}}", NUMBERS),
        ("training", 2, "{}", f"{{'xaxis.range': [0, 250], ...{NUMBERS}}}"),
    ],
)
def test_for_another_range_plotly_makes_the_axes_only(
    page: Page, name: str, index: int, paths: str, layout: str
) -> None:
    for trace, moves in EARLIER[name]:
        assert change(page, name, trace, moves) == "moved"
    place = page.locator(f"#{name}")
    before = place.screenshot()
    assert change(page, name, index, paths, layout) == "plotly's axes"
    after, picture = shapes(page, name), place.screenshot()
    assert picture != before
    assert page.evaluate(AGAIN.format(name)) == "plotly"
    assert shapes(page, name) == after
    assert place.screenshot() == picture


def test_two_changes_of_the_axes_before_a_frame_are_both_drawn(page: Page) -> None:
    page.evaluate("""() => drawn("training", () => {
        const change = (layout) => send("changes", { training: { traces: [], layout } });
        change({ "xaxis.range": [0, 30], "yaxis.range": [-1, 2] });
        change({ "xaxis.range": [0, 40] });
    })""")
    ranges = "({ xaxis, yaxis }) => [...xaxis.range, ...yaxis.range]"
    axes = page.evaluate(f"({ranges})(document.querySelector('#training')._fullLayout)")
    assert axes == [0, 40, -1, 2]


def test_below_a_pointer_plotly_draws_since_its_labels_tell_of_all_points(page: Page) -> None:
    page.locator("#adaptation").hover()
    assert change(page, "adaptation", 1, ONES) == "plotly"
    page.mouse.move(1400, 5)
    assert change(page, "adaptation", 1, "{y: grid(11, () => 2)}") == "moved"
    page.locator("#adaptation").hover(position={"x": 200, "y": 100})
    page.wait_for_function(
        "() => document.querySelector('#adaptation .hoverlayer').textContent.includes('mean : 2')"
    )


def test_a_look_that_changes_is_drawn_by_plotly(page: Page) -> None:
    for dark in ("true", "false"):
        look = f"() => drawn('adaptation', () => plots.setLook({{ dark: {dark} }}))"
        assert page.evaluate(look) == "plotly"


def test_what_a_reader_hides_stays_hidden_while_it_moves(page: Page) -> None:
    page.evaluate("() => Plotly.restyle('adaptation', 'visible', 'legendonly', [1])")
    assert change(page, "adaptation", 1, "{y: grid(11, () => 4.5)}") == "moved"
    assert change(page, "adaptation", 2, "{y: grid(11, () => 4.5)}") == "moved"
    assert mean(page) == {"y": [4.5] * 11, "visible": "legendonly"}
    page.evaluate("() => Plotly.restyle('adaptation', 'visible', true, [1])")
    picture = page.locator("#adaptation").screenshot()
    assert change(page, "adaptation", 1, "{y: grid(11, () => 4)}") == "moved"
    assert page.locator("#adaptation").screenshot() != picture


def zoomed(page: Page) -> tuple[float, float]:
    """Zoom into the adaptation panel by hand; where the pointer began."""
    box = page.locator("#adaptation .nsewdrag").bounding_box()
    assert box is not None
    began = box["x"] + 60, box["y"] + 20
    page.mouse.move(*began)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 160, steps=5)
    page.mouse.up()
    page.wait_for_function("document.querySelector('#adaptation')._fullLayout.xaxis.range[0] > 1")
    page.mouse.move(1400, 5)
    pass_double_click(page)
    return began


def test_a_readers_zoom_stays_while_points_move(page: Page) -> None:
    began = zoomed(page)
    assert change(page, "adaptation", 1, "{y: grid(11, (i) => i)}") == "moved"
    picture = page.locator("#adaptation").screenshot()
    assert page.evaluate(AGAIN.format("adaptation")) == "plotly"
    assert page.locator("#adaptation").screenshot() == picture
    page.mouse.dblclick(*began)
    page.wait_for_function("document.querySelector('#adaptation')._fullLayout.xaxis.range[0] < 1")


def ranges(page: Page) -> list[float]:
    """Both axes of the adaptation panel."""
    zoomed: list[float] = page.evaluate(
        "() => { const { xaxis, yaxis } = document.querySelector('#adaptation')._fullLayout;"
        "return [...xaxis.range, ...yaxis.range]; }"
    )
    return zoomed


WIDER = "{'xaxis.range': [-0.2, 20.2], 'yaxis.range': [0, 21]}"
WIDE = [-0.2, 20.2, 0, 21]


def test_a_readers_zoom_outlives_other_ranges_and_ends_with_the_last_of_them(page: Page) -> None:
    began = zoomed(page)
    axes = ranges(page)
    assert change(page, "adaptation", 1, ONES, WIDER) == "moved"
    assert ranges(page) == axes
    assert page.evaluate(AGAIN.format("adaptation")) == "plotly"
    assert ranges(page) == axes
    assert change(page, "adaptation", 1, "{}", "{'yaxis.gridcolor': '#d55e00'}") == "plotly"
    assert ranges(page) == axes
    page.mouse.dblclick(*began)
    page.wait_for_function("document.querySelector('#adaptation')._fullLayout.xaxis.range[1] > 20")
    page.mouse.move(1400, 5)
    assert ranges(page) == WIDE
    # the axes are the kernel's again
    assert change(page, "adaptation", 1, "{}", "{'xaxis.range': [0, 30]}") == "plotly's axes"
    assert ranges(page) == [0, 30, 0, 21]
    assert change(page, "adaptation", 1, "{}", "{'yaxis.title.text': 'loss'}") == "plotly"
    assert ranges(page) == [0, 30, 0, 21]


@pytest.mark.parametrize("more", ["{}", "{'yaxis.title.text': 'loss'}"])
def test_a_double_click_leads_to_the_range_of_now_and_not_the_first(page: Page, more: str) -> None:
    change(page, "adaptation", 1, "{}", f"{{...{WIDER}, ...{more}}}")
    began = zoomed(page)
    assert ranges(page) != WIDE
    page.mouse.dblclick(*began)
    page.wait_for_function("document.querySelector('#adaptation')._fullLayout.xaxis.range[1] > 20")
    assert ranges(page) == WIDE


def test_one_end_of_an_axis_that_a_reader_moves_stays_there(page: Page) -> None:
    drag = page.locator("#adaptation .edrag").bounding_box()
    assert drag is not None
    at = drag["x"] + drag["width"] / 2, drag["y"] + drag["height"] / 2
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] - 100, at[1], steps=5)
    page.mouse.up()
    page.wait_for_function("document.querySelector('#adaptation')._fullLayout.xaxis.range[1] > 11")
    page.mouse.move(1400, 5)
    zoomed = ranges(page)
    change(page, "adaptation", 1, ONES, WIDER)
    assert ranges(page) == [*zoomed[:2], 0, 21]
    page.locator("#adaptation .nsewdrag").dblclick()
    page.wait_for_function(
        "document.querySelector('#adaptation')._fullLayout.xaxis.range[1] === 20.2"
    )
    assert ranges(page) == WIDE


def test_another_figure_with_other_ranges_ends_a_zoom(page: Page) -> None:
    zoomed(page)
    page.evaluate(
        """() => drawn("adaptation", () => {
          const others = figures();
          others.adaptation.layout.xaxis.range = [0, 40];
          others.adaptation.layout.yaxis.range = [0, 50];
          send("whole", others);
        })"""
    )
    assert ranges(page) == [0, 40, 0, 50]


@pytest.mark.parametrize(
    "layout",
    [
        pytest.param("{'xaxis.range': [20, 30]}", id="what is zoomed to is gone"),
        pytest.param("{'yaxis.title.text': 'accuracy', meta: {x: 'meta_step'}}", id="other values"),
    ],
)
def test_a_zoom_ends_where_its_axis_does(page: Page, layout: str) -> None:
    change(page, "adaptation", 1, "{}", "{meta: {x: 'meta_step'}}")
    zoomed(page)
    *across, low, high = ranges(page)
    change(page, "adaptation", 1, "{}", layout)
    assert ranges(page) == ([20, 30, low, high] if "range" in layout else [*across, 0, 10.5])


def test_a_zoom_ends_where_the_axis_counts_something_else(page: Page) -> None:
    change(page, "adaptation", 1, "{}", "{meta: {x: 'meta_step'}}")
    zoomed(page)
    _, _, *up = ranges(page)
    change(page, "adaptation", 1, "{}", "{'xaxis.title.text': 's', meta: {x: 'seconds'}}")
    assert ranges(page) == [-0.2, 10.2, *up]


def test_what_comes_into_an_empty_trace_is_drawn_whoever_has_zoomed(page: Page) -> None:
    change(page, "training", 0, "{x: [], y: []}")
    change(page, "training", 2, "{x: [], y: []}")
    assert change(page, "training", 2, "{x: [44, 44], y: [0, 0.5]}") == "plotly"
    assert change(page, "training", 0, "{x: [1, 50], y: [1, 2]}") == "plotly"
    picture = page.locator("#training").screenshot()
    assert change(page, "training", 0, "{x: [1, 50], y: [1, 3]}") == "moved"
    assert page.locator("#training").screenshot() != picture


def test_what_fails_is_drawn_by_plotly_the_next_time(page: Page) -> None:
    errors: list[str] = []
    page.once("console", lambda message: errors.append(message.text))
    page.evaluate(
        """async () => {
          const { internals } = plots.panels[0];
          internals.scatter = () => { throw new Error("no such element"); };
          send("changes", { adaptation: { traces: [[1, { y: grid(11, () => 7) }]], layout: {} } });
          for (let i = 0; i < 4; i += 1) await new Promise(requestAnimationFrame);
          delete internals.scatter;
        }"""
    )
    assert len(errors) == 1
    assert "adaptation plot failed" in errors[0]
    assert change(page, "adaptation", 0, "{y: [9, 6, 3, 2, 5, 7]}") == "plotly"
    assert mean(page)["y"][0] == 7
