"""Gradient truth: what the second derivative does to the meta-gradient, next to the lab."""

import time
from typing import final

from labkit.figures import PlainFigure, gradient_truth_figure, gradient_truth_words
from labkit.session import GradientMonitor, GradientView, Session, Snapshot
from labkit.widgets.controls import Button
from labkit.widgets.instrument import Instrument, instrument_groups

MEASURING_SECONDS = 0.2
"""So long it measures at a time, in pieces."""

GROUPS = instrument_groups(
    Button(
        name="check",
        label="Check gradient",
        tooltip="Compare the exact meta-gradient here with finite differences in float64",
    )
)


@final
class GradientTruth(Instrument):
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
        self._monitor = GradientMonitor(tasks, share=share)
        self._tasks, self._shown = tasks, self._monitor.view
        self._asked = False
        first = gradient_truth_figure(self._shown)
        super().__init__(session, GROUPS, first, heading="Gradient truth")

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
        self.message = "checking the gradient …", "note"
        self.tell()
        self._loop.hurry()

    def __repr__(self) -> str:
        return "Gradient truth (live in a notebook with widgets)"

    def press(self, name: str) -> None:
        """Do what a button does."""
        if name == "check":
            self.check()

    def draw(self) -> bool:
        """Measure what is due and show it; True if something is left."""
        left = self._measure(self.session.snapshot())
        before, self._shown = self._shown, self.view
        if _differ(before, self._shown):
            self.board.show(gradient_truth_figure(self._shown))
        return left

    def words(self) -> list[str]:
        """The read-out."""
        problems = self.view.problems
        return [word for word in gradient_truth_words(self.view) if word not in problems]

    def tell(self) -> None:
        """Let the page show the read-out, and what failed before any other message."""
        said, problems = self.message, self.view.problems
        if problems:
            self.message = problems[0], "error"
        super().tell()
        self.message = said

    def _measure(self, snapshot: Snapshot) -> bool:
        if self._asked:
            self._asked = False
            self._check(snapshot)
        if snapshot.playing and not self.present:
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
            self.message = f"The check failed. {type(error).__name__}: {error}", "error"
            return
        self.message = _words_of_check(self.view), "note"
        if self.view.check is not None and not self.view.check.passed:
            self.message = self.message[0], "error"


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
