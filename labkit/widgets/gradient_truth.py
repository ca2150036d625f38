"""Gradient truth: what the second derivative does to the meta-gradient, next to the lab."""

import time
from typing import Any, final

import ipywidgets

from labkit.figures import PlainFigure, gradient_truth_figure, gradient_truth_words
from labkit.session import (
    GradientMonitor,
    GradientView,
    InterruptedReplayError,
    Session,
    Snapshot,
    keep_threads,
)
from labkit.widgets.controls import Button, Group, Text, Toggle
from labkit.widgets.draw_loop import DrawLoop
from labkit.widgets.instrument import InstrumentBoard
from labkit.widgets.opening import running_cell
from labkit.widgets.protocol import Message

REDRAW_SECONDS = 0.3
MEASURING_SECONDS = 0.2
"""So long it measures at a time, in pieces."""

GROUPS = (
    Group(
        "top",
        (
            Button(
                name="check",
                label="Check gradient",
                tooltip="Compare the exact meta-gradient here with finite differences in float64",
            ),
            Toggle(name="large", label="Large type", tooltip="", icon="type", compact=True),
            Text(name="status", live=False),
        ),
    ),
    Group("top", (Text(name="message"),), "notices"),
)


@final
class GradientTruth(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Angles and lengths of exact MAML, first-order MAML and Reptile, live, on a session.

    It shows the angle and the ratio of lengths to the exact meta-gradient over meta-steps, and
    against α and K at one θ; and α·λ along the inner path, with lines at 1, where a step on a
    quadratic passes its minimum, and at 2, beyond which it diverges. Dots are held-out tasks, lines
    their mean direction (for α·λ the median). For a toy problem such as `two_rails` dotted lines
    are its closed form.

    Its own thread measures, in at most a share of the training's time, and it says how old its
    numbers are. Closing it ends nothing else. Headless it shows a plain figure.

    Args:
        session: What is measured; a `Lab` may show the same one.
        tasks: Held-out tasks to measure on, ≥ 1.
        share: Of the training's time that it may take, 0 < share ≤ 1.

    Raises:
        ValueError: An argument is out of its range.

    Example:
        >>> from labkit.session import Settings
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> session = Session(Settings(meta_batch=2), model=sinusoid_mlp, tasks=Sinusoid)
        >>> truth = GradientTruth(session, tasks=2)
        >>> figure = truth.figure()
        >>> [point.meta_step for point in truth.view.points]
        [0]
        >>> truth.close()
    """

    def __init__(self, session: Session, *, tasks: int = 10, share: float = 0.1) -> None:
        self.session = session
        self._monitor = GradientMonitor(tasks, share=share)
        self._tasks, self._shown = tasks, self._monitor.view
        self._present, self._asked = False, False
        self._message: tuple[str, str] = "", ""
        first = gradient_truth_figure(self._shown)
        self.board = InstrumentBoard(GROUPS, first, heading="Gradient truth")
        self.board.on_message(self._heard)
        self._loop = DrawLoop(session.subscribe, self._draw, REDRAW_SECONDS)
        layout = ipywidgets.Layout(flex="0 1 44%", min_width="0", overflow="visible")
        super().__init__([self.board], layout=layout)
        self._tell()
        self._loop.wake()
        self._loop.start()

    @property
    def view(self) -> GradientView:
        """What has been measured."""
        return self._monitor.view

    def figure(self) -> PlainFigure:
        """A plain figure of what has been measured; if nothing has, of a measurement made now."""
        view = self.view
        if not view.points or view.sweep is None:
            monitor = GradientMonitor(self._tasks)
            monitor.measure(self.session.snapshot())
            view = monitor.view
        return PlainFigure.of(gradient_truth_figure(view))

    def check(self) -> None:
        """Compare the exact meta-gradient with finite differences, as the button does."""
        self._asked = True
        self._message = "checking the gradient …", "note"
        self._tell()
        self._loop.hurry()

    def close(self) -> None:
        """Stop measuring, and take the instrument from all pages; the session continues."""
        if self.comm is None:  # closed already, or never opened
            return
        self._loop.close()
        super().close()
        self.board.close()
        self.layout.close()

    def __repr__(self) -> str:
        return "Gradient truth (live in a notebook with widgets)"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if running_cell() is None:
            return self.figure().bundle(repr(self))
        return super()._repr_mimebundle_(**kwargs)

    def _heard(self, message: Message) -> None:
        match message:
            case {"kind": "press", "name": "check"}:
                self.check()
            case {"kind": "press", "name": "large"}:
                self.board.large = not self.board.large
                self._tell()
            case {"kind": "gone"}:
                self._present = False
            case {"kind": "back"}:
                self._present = True
                self._loop.hurry()

    def _draw(self) -> bool:
        """Measure what is due and show it; True if something is left."""
        keep_threads(self.session.threads)  # the thread is the loop's own
        self.board.begin()
        self._present |= self.board.watched
        try:
            snapshot = self.session.snapshot()
            left = self._measure(snapshot)
        except InterruptedReplayError:
            return True
        except Exception as error:  # noqa: BLE001  # a person's model and tasks may raise anything
            self._message = f"Measuring failed. {type(error).__name__}: {error}", "error"
            left = False
        if self._shown is not self.view:
            before, self._shown = self._shown, self.view
            if _differ(before, self._shown):
                self.board.show(gradient_truth_figure(self._shown))
        self._tell()
        self.board.flush()
        self.board.idle(behind=1)
        return left

    def _measure(self, snapshot: Snapshot) -> bool:
        if self._asked:
            self._asked = False
            self._check(snapshot)
        if snapshot.playing and not self._present:
            return False  # a page that has it in a hidden tab is shown all of it later
        until, left = time.monotonic() + MEASURING_SECONDS, True
        while left and time.monotonic() < until:
            left = self._monitor.advance(snapshot)
            if snapshot.playing and not self._monitor.due:
                break
        return left

    def _check(self, snapshot: Snapshot) -> None:
        try:
            self._monitor.check(snapshot)
        except Exception as error:  # noqa: BLE001  # a person's model and tasks may raise anything
            self._message = f"The check failed. {type(error).__name__}: {error}", "error"
            return
        self._message = _words_of_check(self.view), "note"
        if self.view.check is not None and not self.view.check.passed:
            self._message = self._message[0], "error"

    def _tell(self) -> None:
        first, *more = gradient_truth_words(self.view)
        problems = list(self.view.problems)
        text, tone = (problems[0], "error") if problems else self._message
        self.board.state = {
            "status": {"value": [first, *[word for word in more if word not in problems]][:2]},
            "message": {"value": text, "tone": tone or "note", "hidden": not text},
            "large": {"pressed": self.board.large},
        }


def _words_of_check(view: GradientView) -> str:
    """What a check has found: its largest relative error, of those that count."""
    check = view.check
    if check is None:
        return ""
    errors: list[float] = []
    for part in (check.theta, check.alpha):
        if part is not None:
            errors += part.errors[~part.kinks].tolist()
    words = (
        f"Finite differences at meta-step {view.check_step:,}: {str(check).splitlines()[-1]}; "
        f"largest relative error of {len(errors)} directions {max(errors, default=0.0):.1e}"
    )
    return f"{words}, those at a kink left out" if check.kinks else words


def _differ(one: GradientView, other: GradientView) -> bool:
    return (one.points, one.sweep, one.tasks) != (other.points, other.sweep, other.tasks)
