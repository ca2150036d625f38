"""The lab: controls, read-outs and figures over a session."""

import html
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ipywidgets as w
import plotly.graph_objects as go

from labkit.figures import (
    AdaptationPanel,
    adaptation_panel,
    lab_figures,
    show_adaptation,
    show_task,
    show_training,
)
from labkit.session.session import Session, Snapshot
from labkit.session.settings import Settings
from labkit.widgets.log_control import LogControl
from labkit.widgets.publisher import Publisher
from labkit.widgets.refit import Refit

REDRAW_SECONDS = 0.2
DOUBLE_CLICK_SECONDS = 0.35
LONGEST_REST_SECONDS = 2.0
EVALUATION_SHARE = 0.12
"""Share of the time that the training gives up for evaluating adaptation curves."""

_STYLE = """<style>
.maml-lab {padding: 4px 0;}
.maml-lab .widget-hbox {overflow: visible;}
.maml-lab .widget-inline-hbox .widget-label {width: auto; min-width: 20px;}
.maml-lab-number input {text-align: right; font-variant-numeric: tabular-nums;}
.maml-lab-status .widget-html-content {font-variant-numeric: tabular-nums; line-height: 1.35;}
.maml-lab-message {color: #9c2a00; white-space: pre-wrap;}
</style>"""


class Lab:
    """The live view of a session; displaying it shows the controls and the figures.

    Callbacks only set values on the session; one thread draws. `close` ends it.

    Args:
        session: What is shown and steered.

    Example:
        >>> from labkit.session import Settings
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> lab = Lab(Session(Settings(), model=sinusoid_mlp, tasks=Sinusoid))
        >>> lab.alpha.slider.value = 0.02
        >>> lab.session.settings.alpha
        0.02
        >>> lab.close()
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        settings = session.settings
        self.play = _button("Play", "play", "Train, or pause", button_style="primary")
        self.step = _button("Step", "step-forward", "Take one meta-step while paused")
        self.reset = _button(
            "Reset", "undo", "Back to meta-step 0: same seed, settings as they are now"
        )
        self.another = _button("New task", "random", "Draw another held-out task")
        self.alpha = self._number("alpha", "α", 1e-4, 1.0)
        self.beta = self._number("beta", "β", 1e-5, 1e-1)
        self.inner_steps = w.IntSlider(
            value=settings.inner_steps,
            min=0,
            max=max(10, settings.inner_steps),
            description="inner steps",
            tooltip=_tooltip("inner_steps"),
            style={"description_width": "initial"},
            layout=w.Layout(flex="1 1 240px", width="auto"),
        )
        self.order = w.ToggleButtons(
            options=[("1 first-order", 1), ("2 exact", 2)],
            value=settings.order,
            tooltips=[_tooltip("order")] * 2,
            style={"button_width": "108px"},
        )
        order = w.HBox(
            [w.Label("order", tooltip=_tooltip("order")), self.order],
            layout=w.Layout(flex="1 1 300px", align_items="center"),
        )
        self.measure = w.Dropdown(
            description="shown",
            tooltip="What the curve of the held-out tasks shows",
            style={"description_width": "initial"},
            layout=w.Layout(flex="0 0 auto", width="auto"),
        )
        self.status = w.HTML()
        self.status.add_class("maml-lab-status")
        self.message = w.HTML()
        self.play.on_click(self._on_play)
        self.step.on_click(lambda _: session.step())
        self.reset.on_click(self._on_reset)
        self.another.on_click(self._on_another)
        self.inner_steps.observe(lambda change: self._set("inner_steps", change["new"]), "value")
        self.order.observe(lambda change: self._set("order", change["new"]), "value")
        self._known = settings
        self._task = self._drawn = 0
        self._complaint = ""
        self._evaluated: tuple[object, ...] = ()
        self._panel: AdaptationPanel | None = None
        self._evaluation_ends = self._evaluation_seconds = 0.0
        self._pressed, self._wanted = -math.inf, False
        # drawn once before they are widgets: the browser gets each whole, with its first message
        self.figures = lab_figures(portrait := session.portrait(session.snapshot()))
        show_task(self.figures["task"], portrait)
        self._draw()
        self._offer_measures()
        self.figures = {name: go.FigureWidget(figure) for name, figure in self.figures.items()}
        for figure in self.figures.values():  # lets `Refit` reach them
            figure._config = {"responsive": True}
        self.widget = w.VBox(
            [
                w.HTML(_STYLE),
                _row([self.play, self.step, self.reset, self.another, self.status]),
                _row([self.alpha.widget, self.beta.widget]),
                _row([self.inner_steps, order, self.measure]),
                self.message,
                *self.figures.values(),
                Refit(),
            ]
        )
        self.widget.add_class("maml-lab")
        self._publisher = Publisher(session.changed, self._draw, REDRAW_SECONDS)

    def close(self) -> None:
        """Stop the training and the drawing, and take the widgets from the page."""
        # first: plotly's view fails on updates that come after it was taken from the page
        self._publisher.close()
        self.session.close()
        _close(self.widget)

    def __repr__(self) -> str:
        return "MAML Lab (live in a notebook with widgets)"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = self.widget._repr_mimebundle_(**kwargs)
        return bundle | {"text/plain": repr(self)}

    def _number(self, name: str, label: str, low: float, high: float) -> LogControl:
        return LogControl(
            label,
            value=getattr(self.session.settings, name),
            low=low,
            high=high,
            tooltip=_tooltip(name),
            chosen=lambda value: self._set(name, value),
            refused=self._complain,
        )

    def _set(self, name: str, value: object) -> None:
        self._complaint = ""
        if value != getattr(self.session.settings, name):
            self.session.set(**{name: value})
            self._known = self.session.settings

    def _complain(self, message: str) -> None:
        self._complaint = message
        self.session.changed.set()

    def _on_play(self, _: w.Button) -> None:
        self._complaint = ""
        playing = self.session.playing
        pressed, self._pressed = self._pressed, time.monotonic()
        if self._pressed - pressed < DOUBLE_CLICK_SECONDS and playing == self._wanted:
            return  # a double click means what one click means
        self._wanted = not playing
        if playing:
            self.session.pause()
        else:
            self.session.play()

    def _on_another(self, _: w.Button) -> None:
        self._complaint = ""
        self._task = (self._task + 1) % self.session.test_tasks
        self.session.changed.set()

    def _on_reset(self, _: w.Button) -> None:
        self._complaint = ""
        self.session.reset()

    def _draw(self) -> bool:
        """Show the session as it is; True if the adaptation curve is still to follow."""
        snapshot = self.session.snapshot()
        self._show_state(snapshot)
        wanted = (snapshot.meta_step, snapshot.settings)
        due = self._evaluated != wanted
        # changed by hand: at once; grown by training: within the share of time that it may take
        by_hand = not snapshot.playing or self._evaluated[1:] != wanted[1:]
        rest = min(self._evaluation_seconds * (1 / EVALUATION_SHARE - 1), LONGEST_REST_SECONDS)
        evaluate = due and (by_hand or time.monotonic() > self._evaluation_ends + rest)
        started = time.monotonic()
        # the first portrait is there before the first curve
        if (evaluate and self._evaluated) or self._drawn != self._task:
            # before the curve, which may take long: another task is there at once
            self._drawn = self._task
            self._tried(
                lambda: show_task(
                    self.figures["task"], self.session.portrait(snapshot, self._drawn)
                )
            )
        if evaluate:
            self._tried(lambda: self._evaluate(snapshot))
            self._evaluation_ends = time.monotonic()
            self._evaluation_seconds = self._evaluation_ends - started
            self._evaluated = wanted
        if self._panel is not None and (evaluate or self._panel.measure != self.measure.value):
            self._panel = replace(self._panel, measure=self.measure.value)
            show_adaptation(self.figures["adaptation"], self._panel)
        show_training(self.figures["training"], snapshot.curve, snapshot.events)
        return due and not evaluate

    def _evaluate(self, snapshot: Snapshot) -> None:
        self._panel = adaptation_panel(self.session, snapshot)

    def _tried(self, draw: Callable[[], None]) -> None:
        """Draw; what a task family's own code raises is said in the lab, which goes on."""
        try:
            draw()
        except Exception as error:  # noqa: BLE001  # it may raise anything
            text = f"Drawing failed. {type(error).__name__}: {error}"
            if text != self._complaint:
                self._complain(text)

    def _offer_measures(self) -> None:
        measures = self._panel.measures if self._panel else ()
        self.measure.options = measures
        self.measure.value = measures[0] if measures else None
        self.measure.layout.display = None if len(measures) > 1 else "none"
        self.measure.observe(lambda _: self.session.changed.set(), "value")

    def _follow(self) -> None:
        """Let the controls show settings that were changed elsewhere, in a cell for example."""
        settings, known = self.session.settings, self._known
        self._known = settings
        if settings.alpha != known.alpha:
            self.alpha.show(settings.alpha)
        if settings.beta != known.beta:
            self.beta.show(settings.beta)
        if settings.inner_steps != known.inner_steps:
            self.inner_steps.max = max(self.inner_steps.max, settings.inner_steps)
            self.inner_steps.value = settings.inner_steps
        if settings.order != known.order:
            self.order.value = settings.order

    def _show_state(self, snapshot: Snapshot) -> None:
        self._follow()
        playing = snapshot.playing
        self.play.description = "Pause" if playing else "Play"
        self.play.icon = "pause" if playing else "play"
        self.step.disabled = playing
        settings = snapshot.settings
        rate = f" · {snapshot.rate:,.0f} meta-steps/s" if playing else " · paused"
        self.status.value = (
            f"<b>meta-step {snapshot.meta_step:,}</b>{rate}<br>"
            f"seed {settings.seed} · {settings.task_words} · {settings.meta_batch} tasks per "
            f"meta-step, mean · {settings.meta_optimizer.upper()}"
        )
        text = html.escape(self._complaint or _failure(snapshot))
        self.message.value = f"<div class='maml-lab-message'>{text}</div>"


def _close(widget: w.Widget) -> None:
    """Close a widget with all that it holds: a closed box alone leaves its contents open."""
    for name in ("children", "layout", "style"):
        held = getattr(widget, name, ())
        for part in held if isinstance(held, tuple) else (held,):
            if isinstance(part, w.Widget):
                _close(part)
    widget.close()


def _failure(snapshot: Snapshot) -> str:
    if snapshot.failure is None:
        return ""
    kind = type(snapshot.failure).__name__
    return f"Training stopped. {kind}: {snapshot.failure}"


def _tooltip(name: str) -> str:
    return str(Settings.model_fields[name].description)


def _button(description: str, icon: str, tooltip: str, **options: str) -> w.Button:
    layout = w.Layout(width="98px", flex="0 0 auto")
    return w.Button(description=description, icon=icon, tooltip=tooltip, layout=layout, **options)


def _row(children: list[w.Widget]) -> w.HBox:
    layout = w.Layout(flex_flow="row wrap", align_items="center", grid_gap="4px 16px")
    return w.HBox(children, layout=layout)
