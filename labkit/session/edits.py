"""What a person did to a session, to be undone and done again."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

from labkit.session.run import Run
from labkit.session.settings import Settings

MOST_EDITS = 50


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session stands or stood; a run only grows, so that the way back stays open.

    Attributes:
        run: Its run.
        meta_step: Meta-steps taken then.
        settings: As chosen then.
    """

    run: Run
    meta_step: int
    settings: Settings


class Edits:
    """Two stacks of places: where each edit was made, and where each `undo` was asked for."""

    def __init__(self) -> None:
        self.done: deque[Place] = deque(maxlen=MOST_EDITS)
        self.undone: list[Place] = []
        self.made = 0
        """Edits so far, those that were undone too."""

    def add(self, place: Place) -> None:
        """Something new is done here: what was undone before cannot be done again."""
        self.done.append(place)
        self.undone.clear()
        self.made += 1

    def settle(self, run: Run, begun: int, due: Mapping[str, object]) -> None:
        """Edits made during a meta-step stand where it has led: behind it, or where it failed.

        Args:
            run: Whose meta-step it was.
            begun: Meta-steps taken before it.
            due: Settings that were prescribed to change behind it.
        """
        settled = [
            replace(place, meta_step=run.meta_step, settings=place.settings.changed(**due))
            if place.run is run and place.meta_step > begun
            else place
            for place in self.done
        ]
        self.done = deque(settled, maxlen=MOST_EDITS)

    def runs(self) -> list[Run]:
        """All runs that can be returned to, each once."""
        return list({id(place.run): place.run for place in [*self.done, *self.undone]}.values())
