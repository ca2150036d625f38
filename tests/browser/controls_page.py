"""A page with the dashboard's controls alone: no Jupyter, no kernel; what they send is kept."""

from typing import Any

from playwright.sync_api import Locator, Page

from labkit.widgets.controls import (
    Button,
    Control,
    Field,
    Group,
    Menu,
    Segments,
    Select,
    Slider,
    Text,
    Toggle,
    specification,
)
from labkit.widgets.plotly_bundle import STYLES
from tests.browser.plot_page import load_front_end

BUTTONS: tuple[Control, ...] = (
    Button(name="play", label="Play", tooltip="Train", icon="play", primary=True, debounce=True),
    Menu(
        name="step",
        label="Step",
        tooltip="One step while paused",
        icon="step",
        items=(("inner", "inner step"), ("task", "task"), ("meta", "meta-step")),
    ),
    Button(name="reset", label="Reset", tooltip="Back to meta-step 0", icon="reset"),
    Button(name="new_seed", label="New seed", tooltip="Other tasks and θ₀", icon="dice"),
    Button(name="undo", label="Undo", tooltip="Take a change back", icon="undo", compact=True),
    Button(name="redo", label="Redo", tooltip="Change it again", icon="redo", compact=True),
    Text(name="status", live=False),
    Button(name="pin", label="Pin", tooltip="Keep these curves in sight", icon="pin"),
    Button(name="fork", label="Fork", tooltip="A second lab from here", icon="fork"),
    Menu(
        name="export",
        label="Export",
        tooltip="Take it with you",
        icon="export",
        items=(("png", "picture (PNG)"), ("parameters", "parameters")),
    ),
    Toggle(name="large", label="Large type", tooltip="For a lecture", icon="type", compact=True),
)
SLIDERS: tuple[Control, ...] = (
    Slider(name="alpha", label="α", tooltip="inner step size α", low=1e-4, high=1.0),
    Slider(name="beta", label="β", tooltip="meta step size β", low=1e-5, high=1e-1),
    Slider(
        name="inner_steps",
        label="inner steps",
        tooltip="gradient steps K",
        low=0,
        high=10,
        scale="linear",
        whole=True,
    ),
    Segments(
        name="order",
        label="order",
        tooltip="2: exact; 1: first-order approximation",
        options=((1, "1 first-order"), (2, "2 exact")),
    ),
)
CHOICES: tuple[Control, ...] = (
    Select(
        name="algorithm",
        label="algorithm",
        tooltip="what is trained",
        options=(("maml", "MAML"), ("anil", "ANIL"), ("reptile", "Reptile"), ("imaml", "iMAML")),
    ),
    Select(
        name="alpha_learned",
        label="α learned",
        tooltip="α is meta-learned",
        options=(("no", "no"), ("scalar", "one for all"), ("element", "per element")),
    ),
    Select(
        name="meta_optimizer",
        label="meta-optimiser",
        tooltip="what moves θ",
        options=(("adam", "Adam"), ("sgd", "SGD")),
    ),
    Slider(name="meta_batch", label="meta-batch", tooltip="tasks", low=1, high=1000, whole=True),
    Slider(
        name="shots", label="shots", tooltip="points", low=1, high=50, scale="linear", whole=True
    ),
    Select(
        name="tasks",
        label="tasks",
        tooltip="p(T)",
        options=(("sinusoid", "Sinusoid"), ("emoji", "Emoji"), ("tides", "Tides")),
        confirm="restarts training",
    ),
    Select(
        name="model",
        label="model",
        tooltip="the network",
        options=(("40", "MLP 40-40"), ("80", "MLP 80-80")),
        confirm="restarts training",
    ),
)
HEADERS = (
    Group(
        "adaptation",
        (Select(name="measure", label="shown", options=((0, "loss"), (1, "hits"))),),
    ),
    Group("task", (Button(name="another", label="New task", icon="shuffle"),)),
    Group(
        "training",
        (
            Segments(name="x", label="x", options=(("m", "meta-steps"), ("s", "seconds"))),
            Toggle(name="live", label="Live", icon="live"),
            Field(name="note", label="note", tooltip="kept with the run"),
        ),
    ),
)
GROUPS = (Group("top", BUTTONS), Group("top", SLIDERS), Group("top", CHOICES), *HEADERS)
STATE: dict[str, dict[str, Any]] = {
    "status": {"value": ["meta-step 1,234 · paused", "seed 0 · 10 shots · 25 tasks · ADAM"]},
    "alpha": {"value": 0.01},
    "beta": {"value": 0.001},
    "inner_steps": {"value": 1},
    "order": {"value": 2},
    "algorithm": {"value": "maml"},
    "alpha_learned": {"value": "no"},
    "meta_optimizer": {"value": "adam"},
    "meta_batch": {"value": 25},
    "shots": {"value": 10},
    "tasks": {"value": "sinusoid"},
    "model": {"value": "40"},
    "measure": {"value": 0},
    "x": {"value": "m"},
    "note": {"value": "first"},
}


class Controls:
    """The controls on a page, with what they have sent."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def show(self, groups: tuple[Group, ...] = GROUPS) -> None:
        # handles do not drag in a document that replaces another one in place
        self.page.goto("about:blank")
        self.page.set_content(
            f"""<style>{STYLES.read_text()} body {{margin: 8px}}
              .maml-lab {{display: grid; gap: 12px}}</style>
            <div class="maml-lab"></div><p>elsewhere</p>"""
        )
        load_front_end(self.page)
        self.page.evaluate(
            """(groups) => {
              window.sent = [];
              // timers wait for `run_timers`, so no test depends on the time
              window.timers = [];
              window.setTimeout = (run, ms) => timers.push({run, ms});
              window.clearTimeout = (id) => { if (id) timers[id - 1].ms = undefined; };
              window.lab = toolbars(groups, (message) => sent.push(message), () => false);
              document.querySelector(".maml-lab").append(...Object.values(lab.places));
            }""",
            specification(groups),
        )
        self.state(**STATE)

    def state(self, **state: dict[str, Any]) -> None:
        self.page.evaluate("(state) => lab.update(state)", state)

    def sent(self) -> list[dict[str, Any]]:
        """What was sent since the last call."""
        messages: list[dict[str, Any]] = self.page.evaluate("() => sent.splice(0)")
        return messages

    def values(self) -> list[tuple[object, bool]]:
        return [(message["value"], message["final"]) for message in self.sent()]

    def chosen(self) -> list[object]:
        """The final values that were sent since the last call; how many came before depends."""
        return [value for value, final in self.values() if final]

    def run_timers(self, ms: int) -> None:
        """Let the running timers of this duration end."""
        self.page.evaluate("(ms) => timers.filter((t) => t.ms === ms).forEach((t) => t.run())", ms)

    def frames(self) -> None:
        """Wait until the page has drawn twice."""
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def slider(self, name: str) -> Locator:
        return self.page.get_by_role("slider", name=name, exact=True)

    def typed(self, name: str) -> Locator:
        return self.page.get_by_role("textbox", name=f"{name}, typed value", exact=True)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def grab(self, name: str) -> tuple[float, float, float]:
        """Press the mouse in the middle of a slider: x, y and the slider's width."""
        box = self.slider(name).bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        return x, y, box["width"]
