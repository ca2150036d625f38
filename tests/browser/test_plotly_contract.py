"""What the lab uses of plotly.js beyond its documentation, and the lab without it."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from plotly.offline import get_plotlyjs, get_plotlyjs_version

from tests.browser.lab_page import pass_double_click
from tests.browser.plot_page import plot_page, prepare
from tests.browser.test_plot_moves_in_browser import PLOTS

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
        f"plotly.js {get_plotlyjs_version()} lacks {missing}: js/src/plots/plotly_internals.ts "
        "names each; change that file, and the range of plotly in pyproject.toml with it"
    )


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
        ("gd.querySelector('.scatterlayer').remove()", [".scatterlayer .trace"] * 2),
        ("gd.querySelectorAll('.js-line').forEach((e) => e.remove())", ["path.js-line"] * 2),
        ("gd.querySelectorAll('.point').forEach((e) => e.remove())", ["path.point"]),
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
