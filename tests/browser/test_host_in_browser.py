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
  controls: [], state: { alpha: { value: 0.01 } }, dark: {}, room: {}, first: {}, large: false,
  inner_step: null, trained: false,
};
const host = {
  lab,
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
window.showAsInstrument = () => {
  window.stopInstrument = showInstrument(host, "Instrument", document.body);
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
                Button(name="play", label="Play", tooltip="Start or pause", key=" "),
                Button(name="meta_step", label="Step: meta", key="ArrowRight"),
                Button(name="reset", label="Reset", key="r", debounce=True),
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


KEYS = """
window.commands = [];
document.addEventListener("keydown", ({ key, target }) => {
  if (!target.hasAttribute("data-lm-suppress-shortcuts")) commands.push(key);
}, true);
"""


def test_single_keys_are_no_commands_of_the_notebook(page: Page) -> None:
    """JupyterLab takes them on the way down, unless the focused element forbids it."""
    page.evaluate(KEYS)
    page.locator(".maml-lab-training .nsewdrag").click()
    page.keyboard.press("x")
    page.locator(".maml-lab-training .modebar-btn").first.focus()
    page.keyboard.press("b")
    page.get_by_role("slider", name="α").focus()
    page.keyboard.press("a")
    page.get_by_role("button", name="Play").focus()
    page.keyboard.press("d")
    assert page.evaluate("commands.splice(0)") == []
    page.keyboard.press("Control+s")
    assert page.evaluate("commands.splice(0)") == ["Control", "s"]


def pressed(page: Page) -> list[str]:
    return [message["name"] for message in page.evaluate("sent.splice(0)") if "name" in message]


def test_keys_press_what_has_one_and_leave_others_theirs(page: Page) -> None:
    page.evaluate("sent.splice(0)")
    page.locator(".maml-lab-training .nsewdrag").click()
    for key in (" ", "ArrowRight", "ArrowRight", "R", "x", "Control+r"):
        page.keyboard.press(key)
    assert pressed(page) == ["play", "meta_step", "meta_step", "reset"]
    page.get_by_role("slider", name="α").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    assert pressed(page)[-2:] == ["alpha", "play"]
    page.get_by_role("button", name="Step: meta").focus()
    page.keyboard.press(" ")
    assert pressed(page) == ["meta_step"]
    typed = page.get_by_role("textbox", name="α, typed value")
    typed.fill("")
    page.keyboard.type("r ?")
    assert typed.input_value() == "r ?"
    assert pressed(page) == []
    page.evaluate("() => { lab.state = { play: { disabled: true } }; heard.state(); }")
    expect(page.get_by_role("button", name="Play")).to_be_disabled()
    page.locator(".maml-lab-training .nsewdrag").click()
    page.keyboard.press(" ")
    assert pressed(page) == []
    page.evaluate("() => { lab.state = { play: {} }; heard.state(); }")
    expect(page.get_by_role("button", name="Play")).to_be_enabled()


def test_a_key_lists_the_keys(page: Page) -> None:
    page.locator(".maml-lab-training .nsewdrag").click()
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys.locator("dt")).to_have_text(["Space", "→", "R", "F", "?"])
    expect(keys.locator("dd").first).to_have_text("Start or pause")
    page.keyboard.press("?")
    expect(keys).to_be_hidden()
    expect(page.get_by_role("button", name="Play")).to_have_attribute(
        "title", "Start or pause (Space)"
    )


SCREEN = """
const tell = (element) => {
  Object.defineProperty(document, "fullscreenElement", { configurable: true, value: element });
  document.dispatchEvent(new Event("fullscreenchange"));
};
Element.prototype.requestFullscreen = async function () {
  this.style.height = `${innerHeight}px`;
  tell(this);
};
document.exitFullscreen = async () => {
  document.fullscreenElement.style.height = "";
  tell(null);
};
null;
"""
"""A screen to fill: a browser without a window gives its pages one now and then."""


def test_one_plot_fills_the_screen_in_large_type(page: Page) -> None:
    plot = page.locator(".maml-lab-training .maml-lab-plot")
    page.evaluate(SCREEN)
    page.locator(".maml-lab-training .nsewdrag").click()
    page.keyboard.press("f")
    filled = "() => document.fullscreenElement?.matches('.maml-lab-training')"
    page.wait_for_function(filled)
    page.wait_for_function(
        "() => { const { layout } = document.querySelector('.maml-lab-training .maml-lab-plot');"
        "  return layout.height > innerHeight - 100 && layout.height <= innerHeight"
        "    && layout.font.size === 18; }"
    )
    page.locator(".maml-lab-training .modebar-btn").last.click()
    page.wait_for_function("() => !document.fullscreenElement")
    page.wait_for_function(
        "() => document.querySelector('.maml-lab-training .maml-lab-plot').layout.height < 200"
    )
    assert plot.evaluate("({ layout }) => layout.font.size") == 12


def test_a_lost_lab_takes_no_keys_and_gets_the_focus_back(page: Page) -> None:
    slider = page.get_by_role("slider", name="α")
    slider.focus()
    page.evaluate("() => { sent.splice(0); heard.connection('apart'); }")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement === document.body")
    assert page.evaluate("sent.splice(0)") == []
    page.evaluate("heard.connection('live')")
    expect(slider).to_be_focused()
    page.keyboard.press("ArrowRight")
    # the end of a drag lets the answer to its last value pass: the next tests do not hear of it
    page.wait_for_function("() => sent.some(({ final }) => final)")
    assert page.evaluate("sent.splice(0)[0].name") == "alpha"


def test_an_application_asks_before_it_drops_a_training(page: Page) -> None:
    """In a notebook the kernel keeps it."""
    leave = """() => {
      const event = new Event("beforeunload", { cancelable: true });
      window.dispatchEvent(event);
      return event.defaultPrevented;
    }"""
    page.evaluate("lab.trained = true")
    assert not page.evaluate(leave)
    page.evaluate("document.body.dataset.voila = 'voila'")
    assert page.evaluate(leave)
    page.evaluate("lab.trained = false")
    assert not page.evaluate(leave)
    page.evaluate("delete document.body.dataset.voila")


def test_a_host_that_has_ended_gets_nothing_more_and_the_page_says_so(page: Page) -> None:
    page.evaluate("() => { sent.splice(0); heard.connection('apart'); }")
    expect(page.locator(".maml-lab-lost")).to_contain_text("out of reach")
    page.evaluate("heard.connection('live')")
    expect(page.locator(".maml-lab-is-lost")).to_have_count(0)
    page.evaluate("heard.connection('ended')")
    expect(page.locator(".maml-lab-lost")).to_contain_text("has restarted")
    page.evaluate("document.querySelector('[data-name=play]').click()")
    assert page.evaluate("sent") == []


def test_a_lost_instrument_says_so_and_gets_the_focus_back(page: Page) -> None:
    page.evaluate("() => { window.ofLab = { ...heard }; showAsInstrument(); }")
    instrument = page.locator(".maml-lab-instrument")
    play = instrument.get_by_role("button", name="Play")
    play.focus()
    page.evaluate("() => { sent.splice(0); heard.connection('apart'); }")
    expect(instrument.locator(".maml-lab-lost")).to_contain_text("out of reach")
    assert page.evaluate("document.activeElement === document.body")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("sent.splice(0)") == []
    page.evaluate("heard.connection('live')")
    expect(play).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_function("() => sent.some(({ kind }) => kind === 'press')")
    # the lab hears again
    page.evaluate("() => { stopInstrument(); sent.splice(0); Object.assign(heard, ofLab); }")


def test_a_view_that_goes_leaves_nothing_behind(page: Page) -> None:
    page.evaluate("() => { stop(); stop(); }")
    assert page.evaluate("Object.keys(heard)") == []
    assert page.locator(".maml-lab, .js-plotly-plot").count() == 0


NOTEBOOK = """() => {
  const view = (id) => ({ data: { "application/vnd.jupyter.widget-view+json": { model_id: id } } });
  const outputs = ["unseen", "seen", "of another kernel"].map((id) => ({
    ...view(id), toJSON: () => ({ again: id }) }));
  const cell = { outputs: { length: 3, get: (i) => outputs[i], set(i, { again }) {
    window.again.push(again);
    notebook.dirty = true;
  } } };
  const views = { unseen: {}, seen: { view: 1 } };
  window.again = [];
  window.notebook = { cells: [{}, cell], dirty: false };
  const widget_manager = {
    context: { model: notebook },
    has_model: (id) => id in views,
    get_model: async (id) => ({ views: views[id] }),
  };
  // two labs of a notebook
  for (const _ of [1, 2]) window.default.initialize({ model: { widget_manager } });
}"""

LOST = """() => {
  document.body.innerHTML =
    '<div class="jp-OutputArea-output">Error displaying widget: model not found</div>';
}"""


def test_an_output_that_has_given_up_its_widget_is_shown_again(chromium: Browser) -> None:
    """JupyterLab does not look again for a widget that came as two seconds were over."""
    with plot_page(chromium) as page:
        page.clock.install()
        page.evaluate(NOTEBOOK)
        page.clock.run_for(1000)
        assert page.evaluate("again") == []
        page.evaluate(LOST)
        page.clock.run_for(5000)
        page.wait_for_function("() => again.length")
        assert page.evaluate("[again, notebook.dirty]") == [["unseen"], False]
