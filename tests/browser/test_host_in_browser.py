"""The whole front end in a page without a kernel: its host is an object of the page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from plotly.offline import get_plotlyjs

from labkit.widgets.controls import Button, Group, Slider, specification
from tests.browser.plot_page import plot_page

HOST = """
window.heard = {};
window.sent = [];
const subscribe = (name) => (listener) => {
  heard[name] = listener;
  return () => { delete heard[name]; };
};
window.lab = {
  controls: [], state: { alpha: { value: 0.01 } }, dark: {}, first: {}, large: false,
  inner_step: null,
};
const host = {
  get: (name) => lab[name],
  onChange: (name, listener) => subscribe(name)(listener),
  onMessage: subscribe("message"),
  onConnection: subscribe("connection"),
  send: (message) => sent.push(message),
  plotly: async () => Plotly,
};
const line = { type: "scatter", x: [0, 1], y: { $array: [0, 2, "f8", [2]] } };
const figure = { data: [line], layout: { margin: { l: 40, r: 10, t: 10, b: 30 } } };
window.show = (controls) => {
  lab.controls = controls;
  window.stop = showDashboard(host, document.body);
};
const figures = { adaptation: figure, task: figure, training: figure };
window.hear = (answers) => heard.message(
  { kind: "whole", number: 1, answers, figures },
  [new DataView(new Float64Array([3, 4]).buffer)]);
"""

CONTROLS = specification(
    [
        Group(
            "top",
            (
                Button(name="play", label="Play"),
                Slider(name="alpha", label="α", low=1e-4, high=1.0),
            ),
        )
    ]
)


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    with plot_page(chromium, get_plotlyjs(), HOST) as opened:
        opened.evaluate("show", CONTROLS)
        yield opened


def test_a_host_without_a_kernel_carries_state_and_messages(page: Page) -> None:
    (ready,) = page.evaluate("sent.splice(0)")
    assert ready["kind"] == "ready"
    expect(page.get_by_role("slider", name="α")).to_have_attribute("aria-valuetext", "0.01")
    page.evaluate("hear({})")
    page.wait_for_function(
        "() => sent.some(({ kind, number }) => kind === 'drawn' && number === 1)"
    )
    is_drawn = (
        "() => [...document.querySelectorAll('.maml-lab-plot')].map(({ data }) => [...data[0].y])"
    )
    assert page.evaluate(is_drawn) == [[3, 4]] * 3
    page.evaluate("sent.splice(0)")
    page.get_by_role("button", name="Play").click()
    assert page.evaluate("sent") == [
        {"kind": "press", "name": "play", "view": ready["view"], "asked": 1}
    ]
    page.evaluate("(view) => hear({ [view]: 1 })", ready["view"])
    page.evaluate("() => { lab.state = { alpha: { value: 0.2 } }; heard.state(); }")
    expect(page.get_by_role("slider", name="α")).to_have_attribute("aria-valuetext", "0.2")


def test_a_host_that_has_ended_gets_nothing_more_and_the_page_says_so(page: Page) -> None:
    page.evaluate("() => { sent.splice(0); heard.connection('apart'); }")
    expect(page.locator(".maml-lab-lost")).to_contain_text("out of reach")
    page.evaluate("heard.connection('live')")
    expect(page.locator(".maml-lab-is-lost")).to_have_count(0)
    page.evaluate("heard.connection('ended')")
    expect(page.locator(".maml-lab-lost")).to_contain_text("has restarted")
    page.evaluate("document.querySelector('[data-name=play]').click()")
    assert page.evaluate("sent") == []


def test_a_view_that_goes_leaves_nothing_behind(page: Page) -> None:
    page.evaluate("() => { stop(); stop(); }")
    assert page.evaluate("Object.keys(heard)") == []
    assert page.locator(".maml-lab, .js-plotly-plot").count() == 0
