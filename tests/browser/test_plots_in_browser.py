"""Which plot is drawn next, in a page with plots that only note that they are."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.plot_page import plot_page

PLOTS = """
performance.now = () => 1000; // on a busy machine six frames take longer than an answer is awaited
window.drawn = [];
window.frames = [];
window.swift = [];
const made = () => Object.fromEntries(
  PANELS.map((name) => [name, document.body.appendChild(document.createElement("div"))]));
window.plots = new Plots({
  elements: made(), titles: made(), root: document.body, library: new Promise(() => {}), emit() {},
});
for (const panel of plots.panels) {
  Object.assign(panel, { figure: { data: [], layout: {} }, width: 1, drawn: true });
  Object.defineProperty(panel, "quick", { get: () => swift.includes(panel.name) });
  panel.draw = async () => {
    panel.dirty = false;
    drawn.push(panel.name);
    frames.push(document.timeline.currentTime); // the same throughout a frame
    return panel.quick;
  };
}
Object.assign(plots, { plotly: {}, visible: true });
window.touch = (...names) => {
  for (const panel of plots.panels) if (names.includes(panel.name)) panel.touch();
  plots.schedule();
};
// what is to happen before the next frame, and what has been drawn some frames later
window.after = async (act) => {
  act();
  for (let i = 0; i < 6; i += 1) await new Promise(requestAnimationFrame);
  return drawn.splice(0);
};
"""


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    with plot_page(chromium, PLOTS) as opened:
        drawn_after(opened, "")  # the sizes have been seen then
        yield opened


def drawn_after(page: Page, act: str) -> list[str]:
    names: list[str] = page.evaluate(f"() => after(() => {{ {act} }})")
    return names


def test_what_is_asked_for_comes_before_what_plays(page: Page) -> None:
    assert drawn_after(page, "touch('task', 'training')") == ["task", "training"]
    assert drawn_after(page, "plots.expect(1); touch('training')") == []
    answer = "plots.hear(1); touch('adaptation')"
    assert drawn_after(page, answer) == ["adaptation", "training"]


def test_what_is_quick_shares_a_frame_and_never_waits_for_a_plot_of_plotlys(page: Page) -> None:
    everything = "frames.length = 0; touch('adaptation', 'task', 'training')"
    for swift, frames in (("['adaptation', 'training']", 3), ("['adaptation', 'task']", 2)):
        page.evaluate(f"swift = {swift}")
        assert drawn_after(page, everything) == ["adaptation", "task", "training"]
        assert page.evaluate("new Set(frames).size") == frames
    page.evaluate("swift = PANELS")
    drawn_after(page, everything)
    assert page.evaluate("new Set(frames).size") == 1
    page.evaluate("swift = []")


def test_what_stands_beside_the_plots_shares_a_frame_with_them(page: Page) -> None:
    note = "{ drawn.push('words'); frames.push(document.timeline.currentTime); }"
    both = f"plots.alongside(() => {note}); plots.alongside(() => {note})"
    # its own moment never comes
    page.evaluate("() => { window.later = setTimeout; setTimeout = () => 1; }")
    frames = drawn_after(page, f"frames.length = 0; {both}; touch('training')")
    page.evaluate("() => { setTimeout = later; }")
    assert frames == ["words", "training"], "the last of them alone"
    assert page.evaluate("new Set(frames).size") == 1
    # where no plot is drawn they wait for a moment only
    page.evaluate(f"() => {{ plots.alongside(() => {note}); }}")
    page.wait_for_function("() => drawn.splice(0).includes('words')")
    assert drawn_after(page, "touch('training')") == ["training"]


def test_in_a_drag_each_curve_that_has_come_is_drawn(page: Page) -> None:
    assert drawn_after(page, "plots.expect(2); touch('training')") == []
    # the next move comes before the frame in which the curve is drawn
    answer = "plots.hear(2); touch('adaptation'); plots.expect(3)"
    assert drawn_after(page, answer) == ["adaptation"]
    assert drawn_after(page, "plots.hear(3); touch('adaptation'); plots.expect(4)") == [
        "adaptation"
    ]
    assert drawn_after(page, "plots.hear(4)") == ["training"]


def test_a_kernel_that_does_not_answer_stops_nothing_for_long(page: Page) -> None:
    late = "plots.turns.patience = performance.now() - 1"
    assert drawn_after(page, f"plots.expect(5); touch('training'); {late}") == ["training"]


def test_what_came_with_the_lab_is_drawn_without_the_kernel_and_takes_no_changes(
    page: Page,
) -> None:
    bytes_of = "[new DataView(new Float64Array([3, 4]).buffer)]"
    figure = "{ data: [{ y: { $array: [0, 2, 'f8', [2]] } }], layout: {} }"
    first = f"{{ figures: {{ task: {figure} }}, buffers: {bytes_of} }}"
    assert drawn_after(page, "plots.begin({})") == []
    assert drawn_after(page, f"plots.begin({first})") == ["task"]
    heights = "[...plots.panels[1].figure.data[0].y]"
    assert page.evaluate(heights) == [3, 4]
    change = "{ kind: 'changes', number: 1, figures: { task: { traces: [[0, {y: [5]}]] } } }"
    assert drawn_after(page, f"plots.receive({change}, [])") == []
    assert page.evaluate(heights) == [3, 4]
    whole = "{ kind: 'whole', number: 2, figures: { task: { data: [{ y: [6] }], layout: {} } } }"
    assert drawn_after(page, f"plots.receive({whole}, [])") == ["task"]
    assert page.evaluate(heights) == [6]
