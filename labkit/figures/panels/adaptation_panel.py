"""What the panel of the adaptation curve shows, and how far its axis goes."""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from labkit.figures.panels.ghosts import AdaptationGhost, check_ghosts
from labkit.figures.style import AFTER
from labkit.training import AdaptationCurve, MetricCurve

LOSS = "loss"
HIGHEST = {"accuracy": 1.08}
"""Where the axis of a measure ends that has a largest value: there is room for a word above it."""

FARTHEST = 3.0
"""What a ghost takes up of the axis at most, times its loss before adaptation."""


@dataclass(frozen=True, slots=True)
class AdaptationPanel:
    """What the panel shows.

    Attributes:
        curve: Now.
        untrained: At meta-step 0.
        inner_steps: The trained K.
        measure: One of `measures`; None takes the first that the task family has beside the loss.
        label: Name of what trains, such as that of the algorithm; "" for none.
        color: Its colour, see `algorithm_color`.
        ghosts: Curves to compare with, at most `MOST_GHOSTS`.
        baseline: Value and name of what needs no learning, such as guessing; None for nothing.
            The value is one of the shown measure.
        alpha: α in the settings that the curve was measured with, for whoever reads the figure.

    Raises:
        ValueError: There are too many ghosts, or one does not have the measure that is shown.
    """

    curve: AdaptationCurve
    untrained: AdaptationCurve
    inner_steps: int
    measure: str | None = None
    label: str = ""
    color: str = AFTER
    ghosts: tuple[AdaptationGhost, ...] = ()
    baseline: tuple[float, str] | None = None
    alpha: float | None = None

    def __post_init__(self) -> None:
        check_ghosts(self.ghosts)
        for ghost in self.ghosts:
            if self.shown != LOSS and self.shown not in ghost.curve.metrics:
                known = ", ".join(map(repr, (*ghost.curve.metrics, LOSS)))
                raise ValueError(
                    f"the ghost {ghost.label!r} does not have the measure {self.shown!r}, only "
                    f"{known}: leave it out or show one of those"
                )

    @property
    def measures(self) -> tuple[str, ...]:
        """What can be shown: the task family's own measures, and the loss."""
        return (*self.curve.metrics, LOSS)

    @property
    def shown(self) -> str:
        """The measure that is shown."""
        return self.measure or self.measures[0]

    @property
    def now(self) -> AdaptationCurve | MetricCurve:
        """The shown measure now."""
        return self.of(self.curve)

    @property
    def before(self) -> AdaptationCurve | MetricCurve:
        """The shown measure at meta-step 0."""
        return self.of(self.untrained)

    def of(self, curve: AdaptationCurve) -> AdaptationCurve | MetricCurve:
        """The shown measure of a curve."""
        return curve if self.shown == LOSS else curve.metrics[self.shown]

    def showing(self, measure: str | None) -> Self:
        """The same with another measure; the first, if there is none of that name.

        The baseline is one of the accuracy and goes with it.
        """
        known = measure if measure in self.measures else None
        shown = known or self.measures[0]
        baseline = self.baseline if shown == "accuracy" else None
        return replace(self, measure=known, baseline=baseline)


def adaptation_top(panel: AdaptationPanel) -> float:
    """Upper end of the axis: above the curves' start, and steady while training runs."""
    if panel.shown in HIGHEST:
        return HIGHEST[panel.shown]
    values = [float(panel.now.mean[0]), float(panel.before.mean[0])]
    values += [_height(panel.of(ghost.curve)) for ghost in panel.ghosts]
    values += [panel.baseline[0]] if panel.baseline else []
    highest = max((value for value in values if math.isfinite(value)), default=1.0)
    if highest <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(highest))
    return math.ceil(1.2 * highest / unit) * unit


def adaptation_note(panel: AdaptationPanel) -> str:
    """What the axis cannot show: diverged tasks, and a mean that is off the scale."""
    share = float(panel.curve.diverged.max())
    mean = panel.now.mean.numpy()
    off = ~(mean <= adaptation_top(panel))
    notes = []
    if share > 0:
        notes.append(f"{share:.1%} diverge")
    if off.any():
        step = int(np.argmax(off))
        notes.append(f"mean {mean[step]:.2g} at {step}")
    return ", ".join(notes)


def _height(ghost: AdaptationCurve | MetricCurve) -> float:
    """The largest mean of a ghost that does not diverge, which stays as it is."""
    start = float(ghost.mean[0])
    kept = [value for value in ghost.mean.tolist() if value <= FARTHEST * start]
    return max(kept, default=start)
