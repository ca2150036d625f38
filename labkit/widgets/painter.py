"""What the lab draws of a session, and when it takes the time to measure it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from labkit.figures import (
    AdaptationPanel,
    adaptation_panel,
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
from labkit.tasks import AnyPortrait, Portrait
from labkit.training import AdaptationCurve, Between
from labkit.widgets.dashboard import Dashboard
from labkit.widgets.lab_state import Looks

QUICK_TASKS = 25
"""Held-out tasks measured while something moves; the others follow when it rests."""

EVALUATION_SHARE = 0.04
"""Share of the time that the training gives up for measuring adaptation curves."""

LONGEST_REST_SECONDS = 2.0
LONGEST_HOLD_SECONDS = 5.0
"""The training rests while a curve is measured, but not for longer."""

MOVING_SECONDS = 0.25
"""Changes by hand that follow each other so closely are one movement, in which more will come."""

MOST_BEHIND_SECONDS = 0.3
"""While a slider is dragged, task and training are drawn so long after they were drawn last."""

SENDING_SECONDS = 0.008
"""Python's lock is left so long to the thread that sends what was asked for."""

BY_HAND_SECONDS = 1.0
"""Each change by hand has its curve: so long after it none is measured because of the training."""

QUIET_SECONDS = 0.4
"""So long after the last change by hand all that it touches is measured, on all held-out tasks."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What an adaptation curve was measured for.

    `late` says that the untrained one beside it is still that of other settings.
    """

    settings: Settings
    meta_step: int
    part: int | None
    ghosts: tuple[Ghost, ...]
    run: object
    late: bool


class OvertakenError(Exception):
    """Something else was asked for, and what was being measured for its own sake can wait."""


class Painter:
    """Draws a session into a dashboard's figures; called by one thread.

    Args:
        session: What is drawn.
        dashboard: Where.
        looks: How.
        tried: Runs what may raise because of a task family's own code, and says so in the lab.
        overtaken: Whether somebody has asked for something else meanwhile.
    """

    def __init__(
        self,
        session: Session,
        dashboard: Dashboard,
        looks: Looks,
        tried: Callable[[Callable[[], None]], None],
        overtaken: Callable[[], bool],
    ) -> None:
        self._session, self._dashboard, self._looks, self._tried = session, dashboard, looks, tried
        self._overtaken = overtaken
        self._behind, self._completed = False, 0.0
        self._shown: Shown | None = None
        self._panel: AdaptationPanel | None = None
        self._ended, self._seconds, self._moved = 0.0, 0.0, 0.0
        self._drawn_task: tuple[Any, ...] = ()
        self._drawn_panel: tuple[AdaptationPanel | None, str | None] = None, None
        self._kind: str | None = None
        self._ghost_curves: dict[tuple[Ghost, int | None], AdaptationCurve] = {}

    def draw(self, snapshot: Snapshot) -> bool:
        """Show a snapshot; True if something is still to follow."""
        moved, now = self._by_hand(snapshot), time.monotonic()
        moving = moved and now - self._moved < MOVING_SECONDS
        if moved:
            self._moved = now
        settled = time.monotonic() - self._moved >= QUIET_SECONDS
        part = self._part(snapshot, settled=settled)
        wanted = Shown(
            settings=snapshot.settings,
            meta_step=snapshot.meta_step,
            part=part,
            ghosts=self._session.ghosts,
            run=snapshot.observer,
            late=not settled and self._shown is not None and self._shown.late,
        )
        due = wanted != self._shown
        evaluate = due and (moved or not snapshot.playing or self._may_evaluate())
        if not self.begun:  # the first measuring is the longest
            self._dashboard.flush()
        if evaluate:
            started = time.monotonic()
            self._session.hold(LONGEST_HOLD_SECONDS)
            kept = None if settled else self._untrained_before(wanted)
            before, self._shown = self._shown, replace(wanted, late=kept is not None)
            wanted = self._shown
            between = self._end_if_overtaken if settled else None
            self._behind = False
            self._tried(lambda: self._measure(snapshot, part, kept, between))
            if self._behind:
                self._shown = before
                return True
            self._ended = time.monotonic()
            self._seconds = self._ended - started
        if self._panel is not None:
            self._tried(self._show_adaptation)
        if moved:
            self._dashboard.flush()  # what was moved is waited for; the rest is not
            time.sleep(SENDING_SECONDS)
        behind = self._behind
        if self._give_way(moving=moving):
            return True
        task = (snapshot.cursor, self._looks.task, self._looks.points, wanted.run)
        if evaluate or behind or task != self._drawn_task:
            self._drawn_task = task
            self._tried(lambda: self._show_task(snapshot))
            if self._give_way(moving=moving):
                return True
        self._show_training(snapshot)
        self._behind, self._completed = False, time.monotonic()
        return (due and not evaluate) or (part is not None and not snapshot.playing) or wanted.late

    @property
    def behind(self) -> bool:
        """Whether the last drawing gave way to something else that was asked for."""
        return self._behind

    def _end_if_overtaken(self) -> None:
        if self._overtaken():
            raise OvertakenError

    def _give_way(self, *, moving: bool) -> bool:
        """Whether what is left to draw can wait for what a person has asked meanwhile."""
        recent = time.monotonic() - self._completed < MOST_BEHIND_SECONDS
        self._behind = recent and (moving or self._overtaken())
        return self._behind

    @property
    def begun(self) -> bool:
        """Whether there is a first picture."""
        return self._panel is not None

    def forget(self) -> None:
        """Another problem: what was measured before says nothing any more."""
        self._shown = self._panel = self._kind = None
        self._ghost_curves.clear()
        self._drawn_task = ()

    def _by_hand(self, snapshot: Snapshot) -> bool:
        shown = self._shown
        if (
            shown is None
            or shown.settings != snapshot.settings
            or shown.run is not snapshot.observer
        ):
            return True
        return not snapshot.playing and shown.meta_step != snapshot.meta_step

    def _may_evaluate(self) -> bool:
        """Whether the training can give up time again."""
        rest = min(self._seconds * (1 / EVALUATION_SHARE - 1), LONGEST_REST_SECONDS)
        now = time.monotonic()
        return now > self._ended + rest and now > self._moved + BY_HAND_SECONDS

    def _part(self, snapshot: Snapshot, *, settled: bool) -> int | None:
        tasks = snapshot.observer.source.test_tasks
        moving = snapshot.playing or not settled
        return QUICK_TASKS if moving and tasks > QUICK_TASKS else None

    def _untrained_before(self, wanted: Shown) -> AdaptationCurve | None:
        """The untrained curve of the settings before, shown for as long as a hand moves them."""
        if self._panel is None or self._shown is None or self._shown.run is not wanted.run:
            return None
        return self._panel.untrained

    def _measure(
        self,
        snapshot: Snapshot,
        part: int | None,
        kept: AdaptationCurve | None,
        between: Between | None,
    ) -> None:
        pinned = self._session.ghosts
        known = {at: curve for at, curve in self._ghost_curves.items() if at[0] in pinned}
        self._ghost_curves = known
        try:
            self._panel = adaptation_panel(
                self._session, snapshot, part=part, untrained=kept, known=known, between=between
            )
        except OvertakenError:
            self._behind = True
            return
        self._looks.measures = self._panel.measures

    def _show_adaptation(self) -> None:
        panel, measure = self._panel, self._looks.measure
        drawn, by = self._drawn_panel
        if panel is not None and not (drawn is panel and by == measure):
            show_adaptation(self._dashboard.figure("adaptation"), panel.showing(measure))
            self._drawn_panel = panel, measure

    def _show_task(self, snapshot: Snapshot) -> None:
        session, looks, walk = self._session, self._looks, snapshot.cursor
        points = None if walk else looks.points
        portrait = session.portrait(snapshot, looks.task, points)
        kind = task_panel(portrait).kind
        if kind != self._kind:
            editable = isinstance(portrait, Portrait) and session.editable(snapshot)
            self._dashboard.replace("task", task_figure(portrait, editable=editable))
            self._kind = kind
        looks.steps = steps_of(portrait)
        figure, heading = self._dashboard.figure("task"), task_heading(snapshot)
        show_task(figure, portrait, heading, color=settings_color(snapshot.settings))

    def _show_training(self, snapshot: Snapshot) -> None:
        figure, looks = self._dashboard.figure("training"), self._looks
        show_training(
            figure,
            snapshot.curve,
            snapshot.events,
            by=looks.by,
            color=settings_color(snapshot.settings),
            ghosts=training_ghosts(self._session, snapshot),
        )
        show_cursor(figure, look_cursor(snapshot, looks.by))


def steps_of(portrait: AnyPortrait | None) -> int:
    """Inner steps that a portrait shows."""
    if portrait is None:
        return 1
    shown = portrait.predictions if isinstance(portrait, Portrait) else portrait.probabilities
    return len(shown) - 1
