"""Cost meter: what a meta-step costs on this machine, by order and K."""

from collections.abc import Iterator
from typing import final

from labkit.figures import PlainFigure, cost_figure, cost_words
from labkit.session import Cost, Session, measure_costs
from labkit.widgets.controls import Button
from labkit.widgets.instrument import Instrument, instrument_groups

GROUPS = instrument_groups(
    Button(
        name="measure",
        label="Measure",
        tooltip="Time meta-steps of each order with K = 1, 2, 3, 5, on other learners",
    )
)


@final
class CostMeter(Instrument):
    """Milliseconds of a meta-step and memory of a meta-gradient, by order and K, measured here.

    *Measure* trains other learners of the session's model, tasks and settings, each for some
    meta-steps. Time is that of replayed meta-steps, as most of a training has; memory is counted by
    tensors, so it is the same on every machine. It measures while the session rests.

    Args:
        session: Whose meta-steps; a `Lab` may show the same one.
        patience: Seconds for each combination; a slow model is timed before its steps are replayed.

    Example:
        >>> from labkit.session import Settings
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> session = Session(Settings(meta_batch=2), model=sinusoid_mlp, tasks=Sinusoid)
        >>> meter = CostMeter(session)
        >>> meter.costs
        ()
        >>> meter.close()
    """

    def __init__(self, session: Session, *, patience: float = 2.0) -> None:
        self._patience = patience
        self.costs: tuple[Cost, ...] = ()
        """What has been measured."""
        self._left: Iterator[Cost] | None = None
        super().__init__(session, GROUPS, cost_figure(()), heading="Cost meter")

    def figure(self) -> PlainFigure:
        """A plain figure of what has been measured; if nothing has, of a measurement made now."""
        session = self.session
        costs = self.costs or tuple(
            measure_costs(session.source, session.settings, patience=self._patience)
        )
        return PlainFigure.of(cost_figure(costs))

    def measure(self) -> None:
        """Measure, as the button does."""
        session = self.session
        self.costs, self.message = (), ("", "")
        self._left = measure_costs(session.source, session.settings, patience=self._patience)
        self._loop.hurry()

    def __repr__(self) -> str:
        return "Cost meter (live in a notebook with widgets)"

    def press(self, name: str) -> None:
        """Do what a button does."""
        if name == "measure":
            self.measure()

    def draw(self) -> bool:
        """Measure the next combination; True if there are more."""
        if self._left is None:
            return False
        if self.session.playing:
            self.message = "waiting for a pause: training takes time too", "note"
            return True
        cost = next(self._left, None)
        self.message = "", ""
        if cost is None:
            self._left = None
            return False
        self.costs = (*self.costs, cost)
        self.board.show(cost_figure(self.costs))
        return True

    def words(self) -> list[str]:
        """The read-out."""
        return cost_words(self.costs) or ["not measured yet"]
