"""Loss landscape: where θ stands among the tasks' minima, and what adaptation makes of it."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, final

from labkit.core import Params
from labkit.figures import PlainFigure, landscape_figure, landscape_words
from labkit.session import (
    CHOICES,
    LandscapeMonitor,
    LandscapeView,
    PlaneChoice,
    PlaneName,
    Session,
)
from labkit.widgets.controls import Choices, Select
from labkit.widgets.instrument import Instrument, instrument_groups

MEASURING_SECONDS = 0.2
"""So long it measures at a time, in pieces."""

PLANES: Choices = tuple((name, words) for name, words in CHOICES.items() if name != "parameters")

GROUPS = instrument_groups(
    Select(
        name="plane",
        label="plane",
        tooltip="What spans the plane through θ: the principal directions of θ's history, the "
        "adapted parameters of two tasks, or two random directions",
        options=PLANES,
    ),
    Select(
        name="first", label="from θ to", tooltip="The first of the two tasks", options=((0, "1"),)
    ),
    Select(name="second", label="and to", tooltip="The second of them", options=((1, "2"),)),
)


@final
class LossLandscape(Instrument):
    """The query loss before and after adaptation on a plane through θ, live, on a session.

    The two stand side by side on one scale, with θ's path, the tasks' inner steps and the direction
    in which exact and first-order MAML descend. A coarse grid comes first, also after each change
    of α or K, and finer ones follow. With one parameter it shows curves, with two the plane of all
    θ; for a toy problem such as `two_rails` also its closed form and where each method ends.

    Its own thread measures, in at most a share of the training's time, and it says how old its
    numbers are. What cannot be measured it says, and shows what can be. Closing it ends nothing
    else. Headless it shows a plain figure.

    Args:
        session: What is measured; a `Lab` may show the same one.
        plane: What spans the plane: "path", the principal directions of θ's history; "tasks", two
            tasks' adapted parameters; "random"; or "directions".
        pair: Numbers of the two tasks, from 0.
        directions: One or two of the form of θ, for "directions"; `random_directions` and a
            meta-gradient's `params` are such.
        radius: Half the width of the plane, in units of θ; None: as wide as what lies on it.
        points: Grid points along each direction, 4n + 1 ≥ 9.
        tasks: Held-out tasks to measure on, ≥ 1.
        share: Of the training's time that it may take, 0 < share ≤ 1.

    Raises:
        ValueError: An argument is out of its range.

    Example:
        >>> from labkit.session import Settings
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> session = Session(Settings(meta_batch=2), model=sinusoid_mlp, tasks=Sinusoid)
        >>> landscape = LossLandscape(session, plane="tasks", points=9, tasks=2)
        >>> figure = landscape.figure()
        >>> landscape.choice.plane
        'tasks'
        >>> landscape.close()
    """

    def __init__(
        self,
        session: Session,
        *,
        plane: PlaneName = "path",
        pair: tuple[int, int] = (0, 1),
        directions: Sequence[Params] = (),
        radius: float | None = None,
        points: int = 41,
        tasks: int = 10,
        share: float = 0.1,
    ) -> None:
        choice = PlaneChoice(plane, pair, directions, radius, points, tasks)
        self._monitor = LandscapeMonitor(choice, share=share)
        self._shown = self._monitor.view
        first = landscape_figure(self._shown)
        super().__init__(session, GROUPS, first, heading="Loss landscape")

    @property
    def view(self) -> LandscapeView:
        """What has been measured."""
        return self._monitor.view

    @property
    def choice(self) -> PlaneChoice:
        """Which plane it measures; may be set to another one."""
        return self._monitor.choice

    @choice.setter
    def choice(self, choice: PlaneChoice) -> None:
        self._monitor.choice = choice
        self.tell()
        self._loop.hurry()

    def figure(self) -> PlainFigure:
        """A plain figure of the whole landscape, measured now unless it has been.

        Raises:
            ValueError: The plane cannot be spanned, or θ is not finite.
        """
        monitor = LandscapeMonitor(self.choice)
        monitor.measure(self.session.snapshot())
        return PlainFigure.of(landscape_figure(monitor.view))

    def __repr__(self) -> str:
        return "Loss landscape (live in a notebook with widgets)"

    def choose(self, name: str, value: Any) -> None:
        """Do what choosing a value does."""
        choice = self.choice
        pair = list(choice.pair)
        try:
            match name:
                case "plane":
                    self.choice = replace(choice, plane=value)
                case "first" | "second":
                    at = ("first", "second").index(name)
                    if value == pair[1 - at]:
                        pair[1 - at] = pair[at]  # they change places
                    pair[at] = value
                    self.choice = replace(choice, pair=(pair[0], pair[1]))
        except ValueError as error:
            self.message = str(error), "error"
            self.tell()

    def draw(self) -> bool:
        """Measure what is due and show it; True if something is left."""
        snapshot = self.session.snapshot()
        left = True
        if snapshot.playing and not self.present:
            left = False  # a page that has it in a hidden tab is shown all of it later
        until = time.monotonic() + MEASURING_SECONDS
        while left and time.monotonic() < until:
            left = self._monitor.advance(snapshot)
            if self.view.landscape is not self._shown.landscape:
                break  # a coarse grid is shown before the next one is measured
            if snapshot.playing and not self._monitor.due:
                break
        if self.view.landscape is not self._shown.landscape:
            self.board.show(landscape_figure(self.view))
        self._shown = self.view
        return left

    def words(self) -> list[str]:
        """The read-out."""
        return landscape_words(self.view)

    def states(self) -> dict[str, dict[str, object]]:
        """What is to be shown of its own controls."""
        choice, landscape, names = self.choice, self.view.landscape, self.view.tasks
        whole = landscape is not None and landscape.spanned_by == "parameters"
        reason = "θ has no more numbers than the plane shows" if whole else ""
        options = [[i, name] for i, name in enumerate(names)] or [[0, "task 1"], [1, "task 2"]]
        planes = [list(plane) for plane in PLANES if plane[0] != "directions" or choice.directions]
        hidden = whole or choice.plane != "tasks"
        return {
            "plane": {
                "value": choice.plane,
                "options": planes,
                "disabled": whole,
                "reason": reason,
            },
            "first": {"value": choice.pair[0], "options": options, "hidden": hidden},
            "second": {"value": choice.pair[1], "options": options, "hidden": hidden},
        }

    def tell(self) -> None:
        """Let the page show the read-out, and what failed before any other message."""
        said, problems = self.message, self.view.problems
        if problems and not said[0]:
            self.message = problems[0], "error" if self.view.landscape is None else "note"
        super().tell()
        self.message = said
