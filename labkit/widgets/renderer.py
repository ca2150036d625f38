"""The renderer: what the lab draws of a session, and when it takes the time to measure it."""

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from labkit.figures import (
    AdaptationPanel,
    adaptation_panel,
    algorithm_stretches,
    look_cursor,
    settings_color,
    show_adaptation,
    show_cursor,
    show_task,
    show_training,
    task_figure,
    task_heading,
    task_panel,
    training_ghosts,
)
from labkit.session import Ghost, Session, Settings, Snapshot
from labkit.tasks import AnyPortrait, ImagePortrait, PathPortrait, Portrait
from labkit.training import AdaptationCurve, Between, estimate_curve
from labkit.widgets.dashboard import Dashboard
from labkit.widgets.lab_context import ViewState

QUICK_TASKS = 25
"""Held-out tasks measured until the changes have settled; the others follow then."""

QUICK_SECONDS, MOST_CHUNKS = 0.025, 6
"""Where the tasks themselves have changed, as with their shots, earlier curves tell less of them.
More of them are measured then, in chunks of `QUICK_TASKS`: so many chunks, for so long at most."""

MOVING_SECONDS = 0.25
"""A change by hand so soon after another belongs to one movement, and more will follow."""

SETTLE_SECONDS = 0.4
"""So long after the last change by hand all that it affects is measured, on all held-out tasks."""

BY_HAND_SECONDS = 1.0
"""So long after a change by hand, which has its own curve, training alone causes no measuring."""

EVALUATION_SHARE = 0.04
"""Share of the time that training gives up for measuring adaptation curves."""

LONGEST_REST_SECONDS = 2.0
"""Between two measurements while it trains, however long the first took."""

WHOLE_SHARE, LONGEST_WHOLE_REST_SECONDS = 0.02, 10.0
"""The same for measuring all held-out tasks while it trains: from that curve, and from a new one of
few tasks, the curve of all is estimated meanwhile."""

LONGEST_HOLD_SECONDS = 5.0
"""Training rests while a curve is measured, but not for longer."""

MAX_LAG_SECONDS = 0.3
"""While a slider is dragged, task and training are drawn at least this often."""

SENDING_SECONDS = 0.008
"""Python's lock is left so long to the thread that sends the answer."""


class Phase(enum.Enum):
    """How far a drawing is from a person's changes; `Pace.begin` decides it for each drawing.

    | this drawing shows a change by hand | seconds since the change before | phase |
    |---|---|---|
    | yes | ≥ `MOVING_SECONDS` | `CHANGED`: all panels are drawn, the curve first |
    | yes | < `MOVING_SECONDS` | `MOVING`: the other panels give way to the next change |
    | no | < `SETTLE_SECONDS` | `SETTLING`: curves stay estimated from few tasks |
    | no | ≥ `SETTLE_SECONDS` | `SETTLED`: all held-out tasks are measured, seldom if it plays |
    """

    CHANGED = "changed"
    MOVING = "moving"
    SETTLING = "settling"
    SETTLED = "settled"


class Pace:
    """The renderer's clock work: the phase of a drawing, and what has time to wait.

    Args:
        clock: Seconds that only grow.

    Attributes:
        phase: Of the drawing under way, or of the last one.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.phase = Phase.SETTLED
        self._clock = clock
        self._changed_at = self._measured_at = self._completed_at = -inf
        self._measuring_seconds, self._chunk_seconds = 0.0, inf
        self._whole_at, self._whole_seconds = -inf, 0.0

    def begin(self, *, by_hand: bool) -> Phase:
        """Begin a drawing that shows a change by hand, or none."""
        now = self._clock()
        self.phase = next_phase(by_hand=by_hand, since_change=now - self._changed_at)
        if by_hand:
            self._changed_at = now
        return self.phase

    def now(self) -> float:
        """What the clock shows."""
        return self._clock()

    def note_measurement(self, begun: float, *, tasks: int | None) -> None:
        """Note that a measurement has ended; one that is broken off is not.

        Args:
            begun: When it began.
            tasks: How many were measured, those of two curves counted twice; None for all.
        """
        self._measured_at = self._clock()
        seconds = self._measured_at - begun
        if tasks is None:
            self._whole_at, self._whole_seconds = self._measured_at, seconds
        else:
            self._measuring_seconds = seconds
            self._chunk_seconds = seconds * QUICK_TASKS / tasks

    @property
    def chunks(self) -> int:
        """How many times `QUICK_TASKS` can be measured at once, from 1 to `MOST_CHUNKS`."""
        for chunks in range(MOST_CHUNKS, 1, -1):
            if chunks * self._chunk_seconds <= QUICK_SECONDS:
                return chunks
        return 1

    def may_measure_all(self) -> bool:
        """Whether training can give up time for a measurement on all tasks again."""
        rest = min(self._whole_seconds / WHOLE_SHARE, LONGEST_WHOLE_REST_SECONDS)
        return self.may_measure() and self._clock() > self._whole_at + rest

    def may_measure(self) -> bool:
        """Whether training can give up time for a measurement again."""
        rest = min(self._measuring_seconds * (1 / EVALUATION_SHARE - 1), LONGEST_REST_SECONDS)
        now = self._clock()
        return now > self._measured_at + rest and now > self._changed_at + BY_HAND_SECONDS

    def may_give_way(self, *, overtaken: bool) -> bool:
        """Whether the rest of a drawing can wait, for the next change or for another request."""
        recent = self._clock() - self._completed_at < MAX_LAG_SECONDS
        return recent and (overtaken or self.phase is Phase.MOVING)

    def complete(self) -> None:
        """Note that all panels have been drawn."""
        self._completed_at = self._clock()


def next_phase(*, by_hand: bool, since_change: float) -> Phase:
    """The table of `Phase`.

    Example:
        >>> next_phase(by_hand=True, since_change=0.1)
        <Phase.MOVING: 'moving'>
    """
    if by_hand:
        return Phase.MOVING if since_change < MOVING_SECONDS else Phase.CHANGED
    return Phase.SETTLED if since_change >= SETTLE_SECONDS else Phase.SETTLING


@dataclass(frozen=True, slots=True)
class Measurement:
    """What an adaptation curve is measured for.

    `late` says that the untrained curve next to it is still that of other settings.
    """

    settings: Settings
    meta_step: int
    part: int | None
    ghosts: tuple[Ghost, ...]
    run: object
    late: bool


@dataclass(frozen=True, slots=True)
class WholeMeasurement:
    """Curves that were measured on all held-out tasks, those of `task_options`."""

    run: object
    task_options: tuple[tuple[str, object], ...]
    curve: AdaptationCurve
    untrained: AdaptationCurve


class OvertakenError(Exception):
    """A request has arrived that is answered before this measurement continues."""


class Renderer:
    """Draws a session into a dashboard's figures; called by one thread.

    Args:
        session: What is drawn.
        dashboard: Where.
        view: How.
        attempt: Runs what may raise because of a task family's own code, and says so in the lab.
        overtaken: Whether a person has made another request meanwhile.
        clock: Seconds that only grow.
        sleep: Lets other threads run for so many seconds.
    """

    def __init__(
        self,
        session: Session,
        dashboard: Dashboard,
        view: ViewState,
        attempt: Callable[[Callable[[], None]], None],
        overtaken: Callable[[], bool],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._session, self._dashboard, self._view = session, dashboard, view
        self._attempt, self._overtaken, self._sleep = attempt, overtaken, sleep
        self._pace = Pace(clock)
        self._behind = False
        self._measured: Measurement | None = None
        self._panel: AdaptationPanel | None = None
        self._drawn_task: tuple[Any, ...] = ()
        self._drawn_panel: tuple[AdaptationPanel | None, str | None] = None, None
        self._kind: str | None = None
        self._ghost_curves: dict[Ghost, AdaptationCurve] = {}
        self._whole: WholeMeasurement | None = None

    @property
    def phase(self) -> Phase:
        """Of the drawing under way, or of the last one."""
        return self._pace.phase

    @property
    def begun(self) -> bool:
        """Whether there is a first picture."""
        return self._panel is not None

    @property
    def behind(self) -> bool:
        """Whether the last drawing gave way to the next change or to another request."""
        return self._behind

    def draw(self, snapshot: Snapshot) -> bool:
        """Show a snapshot; True if something is still to follow.

        First the adaptation curve, measured again if that is due; then the task; then the training.
        Each of the last two may give way.
        """
        by_hand = self._by_hand(snapshot)
        phase = self._pace.begin(by_hand=by_hand)
        target = self._target(snapshot, by_hand=by_hand)
        due = target != self._measured
        measure = due and (by_hand or not snapshot.playing or self._pace.may_measure())
        if not self.begun:  # the first measurement takes longest
            self._dashboard.flush()
        if measure:
            kept = None if phase is Phase.SETTLED else self._untrained_before(target)
            target = replace(target, late=kept is not None)
            if not self._measure(snapshot, target, kept):
                return True
        if self._panel is not None:
            self._attempt(self._show_adaptation)
        if by_hand:
            self._dashboard.flush()  # a person waits for the curve, not for the rest
            self._sleep(SENDING_SECONDS)
        behind = self._behind
        if self._give_way():
            return True
        view = self._view
        task = (snapshot.cursor, view.task, view.points, view.paths, target.run)
        if measure or behind or task != self._drawn_task:
            self._drawn_task = task
            self._attempt(lambda: self._show_task(snapshot))
            if self._give_way():
                return True
        self._show_training(snapshot)
        self._behind = False
        self._pace.complete()
        unsettled = target.part is not None and not snapshot.playing
        return (due and not measure) or unsettled or target.late

    def forget(self) -> None:
        """Draw another problem from now on, for which earlier measurements mean nothing."""
        self._measured = self._panel = self._kind = self._whole = None
        self._ghost_curves.clear()
        self._drawn_task = ()

    def _by_hand(self, snapshot: Snapshot) -> bool:
        before = self._measured
        if (
            before is None
            or before.settings != snapshot.settings
            or before.run is not snapshot.observer
        ):
            return True
        return not snapshot.playing and before.meta_step != snapshot.meta_step

    def _target(self, snapshot: Snapshot, *, by_hand: bool) -> Measurement:
        settled, before = self.phase is Phase.SETTLED, self._measured
        whole = self._whole_before(snapshot)
        fresh = whole is None or whole.task_options != _task_options(snapshot)
        estimated = snapshot.playing and not fresh and not self._pace.may_measure_all()
        part: int | None = None
        if estimated or not settled:
            kept = None if by_hand or before is None else before.part
            part = kept or QUICK_TASKS * (self._pace.chunks if fresh else 1)
        return Measurement(
            settings=snapshot.settings,
            meta_step=snapshot.meta_step,
            part=part if part and part < snapshot.observer.source.test_tasks else None,
            ghosts=self._session.ghosts,
            run=snapshot.observer,
            late=not settled and before is not None and before.late,
        )

    def _whole_before(self, snapshot: Snapshot) -> WholeMeasurement | None:
        """The last curves of all tasks of this run, if there are any."""
        whole = self._whole
        return whole if whole is not None and whole.run is snapshot.observer else None

    def _untrained_before(self, target: Measurement) -> AdaptationCurve | None:
        """The untrained curve of the settings before."""
        before = self._measured
        if self._panel is None or before is None or before.run is not target.run:
            return None
        return self._panel.untrained

    def _measure(
        self, snapshot: Snapshot, target: Measurement, kept: AdaptationCurve | None
    ) -> bool:
        """Measure the adaptation curve; False if another request has ended that."""
        before, self._measured, self._behind = self._measured, target, False
        between = self._end_if_overtaken if self.phase is Phase.SETTLED else None
        begun = self._pace.now()
        self._session.hold(LONGEST_HOLD_SECONDS)
        self._attempt(lambda: self._measure_panel(snapshot, target, kept, between))
        if self._behind:
            self._measured = before
            return False
        curves = 2 if self._estimates_untrained(snapshot, kept) else 1
        self._pace.note_measurement(begun, tasks=target.part and curves * target.part)
        return True

    def _estimates_untrained(self, snapshot: Snapshot, kept: AdaptationCurve | None) -> bool:
        """Whether the untrained curve, too, is measured on few tasks until changes have settled.

        If not, it stays that of the settings before.
        """
        quick = kept is not None and self._pace.chunks > 1
        return quick and self._whole_before(snapshot) is not None

    def _end_if_overtaken(self) -> None:
        if self._overtaken():
            raise OvertakenError

    def _measure_panel(
        self,
        snapshot: Snapshot,
        target: Measurement,
        kept: AdaptationCurve | None,
        between: Between | None,
    ) -> None:
        part, untrained = target.part, kept
        ghosts = self._session.ghosts
        curves = {ghost: curve for ghost, curve in self._ghost_curves.items() if ghost in ghosts}
        self._ghost_curves = curves
        whole = self._whole_before(snapshot)
        try:
            if whole is not None and self._estimates_untrained(snapshot, kept):
                few = self._session.untrained_curve(snapshot, part=part, between=between)
                untrained = estimate_curve(few, whole.untrained)
            self._panel = adaptation_panel(
                self._session,
                snapshot,
                part=part,
                untrained=untrained,
                earlier=whole.curve if part and whole else None,
                kept_curves=curves,
                between=between,
            )
        except OvertakenError:
            self._behind = True
            return
        if part is None and not target.late:
            curve, untrained = self._panel.curve, self._panel.untrained
            options = _task_options(snapshot)
            self._whole = WholeMeasurement(snapshot.observer, options, curve, untrained)
        self._view.measures = self._panel.measures

    def _give_way(self) -> bool:
        self._behind = self._pace.may_give_way(overtaken=self._overtaken())
        return self._behind

    def _show_adaptation(self) -> None:
        panel, measure = self._panel, self._view.measure
        last_panel, last_measure = self._drawn_panel
        if panel is not None and not (last_panel is panel and last_measure == measure):
            show_adaptation(self._dashboard.figure("adaptation"), panel.showing(measure))
            self._drawn_panel = panel, measure

    def _show_task(self, snapshot: Snapshot) -> None:
        session, view, walk = self._session, self._view, snapshot.cursor
        points = None if walk else view.points
        portrait = session.portrait(snapshot, view.task, points)
        view.has_paths, paths = isinstance(portrait, PathPortrait), view.paths
        kind = task_panel(portrait, arrangement=paths).kind
        if kind != self._kind:
            placed = isinstance(portrait, Portrait | PathPortrait)
            editable = placed and session.editable(snapshot)
            empty = task_figure(portrait, editable=editable, arrangement=paths)
            self._dashboard.replace("task", empty)
            self._kind = kind
        view.steps = steps_of(portrait)
        figure, heading = self._dashboard.figure("task"), task_heading(snapshot)
        color = settings_color(snapshot.settings)
        show_task(figure, portrait, heading, color=color, arrangement=paths)

    def _show_training(self, snapshot: Snapshot) -> None:
        figure, view = self._dashboard.figure("training"), self._view
        show_training(
            figure,
            snapshot.curve,
            snapshot.events,
            by=view.by,
            stretches=algorithm_stretches(snapshot),
            ghosts=training_ghosts(self._session, snapshot),
        )
        show_cursor(figure, look_cursor(snapshot, view.by))


def _task_options(snapshot: Snapshot) -> tuple[tuple[str, object], ...]:
    """What decides which tasks there are, apart from the run."""
    return tuple(snapshot.settings.task_options.items())


def steps_of(portrait: AnyPortrait | None) -> int:
    """Inner steps that a portrait shows."""
    match portrait:
        case None:
            return 1
        case Portrait():
            return len(portrait.predictions) - 1
        case PathPortrait():
            return len(portrait.paths) - 1
        case ImagePortrait():
            return len(portrait.probabilities) - 1
