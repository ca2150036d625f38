"""What the lab uses of plotly.js beyond its documentation, and the lab without it."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from plotly.offline import get_plotlyjs, get_plotlyjs_version

from tests.browser.lab_page import pass_double_click
from tests.browser.plot_page import plot_page, prepare
from tests.browser.test_plot_moves_in_browser import PLOTS

INTERNALS = "js/src/plots/plotly_internals.ts"

CHANGED = """
// a plotly.js that calls what it keeps of a reader's zoom by another name
const { newPlot } = Plotly;
Plotly.newPlot = async (gd, ...more) => {
  await newPlot(gd, ...more);
  delete gd._fullLayout._preGUI;
};
"""


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    with plot_page(chromium, get_plotlyjs(), PLOTS) as opened:
        opened.evaluate("begin()")
        yield opened


@pytest.fixture(scope="module")
def changed(page: Page) -> Page:
    """A page whose plotly.js is not as the lab expects it."""
    warnings: list[str] = []
    other = page.context.new_page()
    other.on("console", lambda message: warnings.append(message.text))
    prepare(other, get_plotlyjs(), CHANGED, PLOTS)
    other.evaluate("begin()")
    lacks = f"plotly.js {get_plotlyjs_version()} lacks _fullLayout._preGUI"
    # for each of the three plots
    assert [lacks in warning for warning in warnings] == [True] * 3
    return other


def test_the_installed_plotly_is_as_the_lab_expects_it(page: Page) -> None:
    missing = page.evaluate("() => plots.panels.map(({ gd }) => missingInternals(gd))")
    assert missing == [[], [], []], (
        f"plotly.js {get_plotlyjs_version()} lacks {missing}: {INTERNALS} names each; change that "
        "file, and the range of plotly in pyproject.toml with it"
    )


def test_the_elements_of_each_trace(page: Page) -> None:
    elements = page.evaluate(
        """() => plots.panels.map(({ gd, internals }) => gd.data.map((_, index) => {
          const drawn = internals.scatter(index);
          return drawn && [drawn.lines, drawn.fills, drawn.points, drawn.words].map(
            (elements) => elements().length);
        }))"""
    )
    # lines, fills, points, words of each trace; null where a trace is hidden
    assert elements == [
        [[1, 1, 0, 0], [1, 0, 11, 0], None],
        [[1, 0, 0, 0], [0, 0, 11, 0]],
        [[1, 0, 0, 0], [0, 0, 0, 2], [2, 0, 0, 0]],
    ], f"plotly.js {get_plotlyjs_version()} draws other elements: see scatter in {INTERNALS}"


@pytest.mark.parametrize("selector", [".scatterlayer", ".js-line", ".point"])
def test_plotly_draws_what_has_other_elements(page: Page, selector: str) -> None:
    page.evaluate("begin()")
    remove = f"gd.querySelectorAll('{selector}').forEach((element) => element.remove())"
    drawn_by = page.evaluate(
        f"""async () => {{
          const {{ gd }} = plots.panels[0];
          {remove};
          return await change('adaptation', 1, {{y: grid(11, (i) => 8 / (i + 1))}}, {{}});
        }}"""
    )
    assert drawn_by == "plotly"
    page.evaluate("() => Plotly.newPlot(plots.panels[0].gd, figures().adaptation)")


def test_a_line_that_is_not_there_yet_does_not_leave_all_to_plotly(page: Page) -> None:
    # as the cursor of the training panel, until a person views an earlier meta-step
    first = page.context.new_page()
    prepare(first, get_plotlyjs(), PLOTS)
    first.evaluate(
        """async () => {
          const { training } = figures();
          Object.assign(training.data[2], { x: [null, null], y: [0, 1] });
          send('whole', { training });
          while (!plots.panels[2].drawn || plots.drawing)
            await new Promise(requestAnimationFrame);
        }"""
    )
    changes = [(0, "{y: grid(11, (i) => i + 1)}"), (2, "{x: [20, 20]}"), (2, "{x: [30, 30]}")]
    drawn_by = [
        first.evaluate(f"() => change('training', {index}, {paths}, {{}})")
        for index, paths in changes
    ]
    first.close()
    assert drawn_by == ["moved", "plotly", "moved"]


@pytest.mark.parametrize(
    ("break_it", "missing"),
    [
        ("delete gd._fullLayout", ["_fullLayout"]),
        ("gd._fullData = gd._fullData.slice(1)", ["_fullData"]),
        ("delete gd._fullLayout._preGUI", ["_fullLayout._preGUI"]),
        ("delete gd._fullLayout.dragmode", ["_fullLayout.dragmode"]),
        ("gd._fullLayout.xaxis.d2p = undefined", ["_fullLayout.xaxis.d2p"]),
        ("gd._fullLayout.yaxis.p2d = undefined", ["_fullLayout.yaxis.p2d"]),
        ("gd._fullLayout.xaxis._offset = null", ["_fullLayout.xaxis._offset"]),
        ("gd._fullLayout.xaxis._length = null", ["_fullLayout.xaxis._length"]),
        ("gd._fullLayout.xaxis._id = null", ["_fullLayout.xaxis._id"]),
        ("gd._fullLayout.xaxis.range = null", ["_fullLayout.xaxis.range"]),
        ("delete gd._fullLayout.xaxis._rangeInitial0", ["_fullLayout.xaxis._rangeInitial"]),
        ("gd._fullData[0].uid = 1", ["_fullData[0].uid"]),
        ("gd.querySelectorAll('.nsewdrag').forEach((e) => e.remove())", [".nsewdrag"]),
    ],
)
def test_each_missing_part_is_named(page: Page, break_it: str, missing: list[str]) -> None:
    named = page.evaluate(
        f"""async () => {{
          const {{ gd }} = plots.panels[0];
          const {{ data, layout }} = gd;
          try {{
            {break_it};
            return missingInternals(gd);
          }} finally {{
            await Plotly.newPlot(gd, data, layout);
          }}
        }}"""
    )
    assert named == missing


def data_of(page: Page, name: str) -> Any:
    return page.evaluate(
        """(name) => {
          const gd = document.querySelector(`#${name}`);
          return gd.data.map(({ x, y, text }) => [[...x], [...y], text]);
        }""",
        name,
    )


@pytest.mark.parametrize(
    ("name", "index", "paths", "layout"),
    [
        ("adaptation", 1, "{y: grid(11, (i) => 8 / (i + 1))}", "{}"),
        ("adaptation", 1, "{y: grid(11, (i) => i)}", "{'yaxis.range': [0, 20]}"),
        ("training", 1, "{text: ['α 0.0123', 'K 5'], hovertext: ['a', 'b']}", "{}"),
        ("training", 2, "{x: [44, 44], y: [0, 0.5]}", "{'xaxis.range': [0, 200]}"),
    ],
)
def test_without_those_parts_plotly_draws_the_same(
    page: Page, changed: Page, name: str, index: int, paths: str, layout: str
) -> None:
    change = f"() => change('{name}', {index}, {paths}, {layout})"
    for each in (page, changed):
        each.evaluate("begin()")
    assert page.evaluate(change) in ("moved", "plotly's axes")
    assert changed.evaluate(change) == "plotly"
    assert data_of(changed, name) == data_of(page, name)
    assert changed.locator(f"#{name}").screenshot() == page.locator(f"#{name}").screenshot()


def test_without_those_parts_a_reader_zooms_and_returns(changed: Page) -> None:
    changed.bring_to_front()
    changed.evaluate("begin()")
    layer = changed.locator("#adaptation .nsewdrag")
    box = layer.bounding_box()
    assert box is not None
    changed.mouse.move(box["x"] + 60, box["y"] + 20)
    changed.mouse.down()
    changed.mouse.move(box["x"] + 160, box["y"] + 160, steps=5)
    changed.mouse.up()
    low = "document.querySelector('#adaptation')._fullLayout.xaxis.range[0]"
    changed.wait_for_function(f"{low} > 1")
    zoomed = changed.evaluate(low)
    changed.evaluate("() => change('adaptation', 1, {y: grid(11, () => 3)}, {})")
    assert changed.evaluate(low) == zoomed
    pass_double_click(changed)
    layer.dblclick()
    changed.wait_for_function(f"{low} < 1")
