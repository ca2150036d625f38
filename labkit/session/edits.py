"""What a person did to a session, to be undone and done again."""

from collections import deque
from dataclasses import dataclass, replace

from labkit.session.run import Run
from labkit.session.settings import Settings

MOST_EDITS = 50


@dataclass(frozen=True, slots=True)
class Edit:
    """Where a session stood before something was done to it.

    Attributes:
        run: Its run.
        meta_step: Meta-steps taken then.
        changes: Changes that had been made in that run.
        settings: As chosen then.
    """

    run: Run
    meta_step: int
    changes: int
    settings: Settings


@dataclass(frozen=True, slots=True)
class Undone:
    """Where a session stood before an edit was undone.

    Attributes:
        run: Its run, put aside.
        settings: As chosen then.
        edit: What was undone.
    """

    run: Run
    settings: Settings
    edit: Edit


class Edits:
    """Two stacks: what can be undone, and what can be done again."""

    def __init__(self) -> None:
        self.done: deque[Edit] = deque(maxlen=MOST_EDITS)
        self.undone: list[Undone] = []

    def add(self, edit: Edit) -> None:
        """Something new is done: what was undone before cannot be done again."""
        self.done.append(edit)
        self.undone.clear()

    def rename(self, old: Run, new: Run) -> None:
        """One run took the place of another, from which it was cut or to which it returns."""
        renamed = [replace(e, run=new) if e.run is old else e for e in self.done]
        self.done = deque(renamed, maxlen=MOST_EDITS)
