"""An instrument that trains learners of its own next to the session: start, pause, stop."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import plotly.graph_objects as go

from labkit.figures import PlainFigure
from labkit.session import Pace, Session, Settings, Source
from labkit.widgets.controls import Button
from labkit.widgets.instrument import Instrument, instrument_groups

WORKING_SECONDS = 0.6
"""So long it trains at a time, in pieces."""

RUN = Button(
    name="run", label="Start", tooltip="Train the learners, or pause", icon="play", primary=True
)
STOP = Button(name="stop", label="Stop", tooltip="End the training at its last complete round")


class Training(Protocol):
    """Work in pieces."""

    @property
    def source(self) -> Source:
        """Model and tasks."""
        ...

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        ...

    @property
    def view(self) -> Any:
        """What has been measured, with `progress` from 0 to 1."""
        ...

    def advance(self) -> bool:
        """Do one piece; False if nothing is left."""
        ...

    def run(self) -> Any:
        """Do all of it, and return the view."""
        ...

    def stop(self) -> None:
        """End it early."""
        ...


@dataclass(frozen=True, slots=True)
class Pictures:
    """How a view is shown.

    Attributes:
        figure: Of a view.
        words: Two lines of read-out at most.
        notes: What to know before its numbers are read, a sentence each.
        state: Another value where there is something else to draw.
    """

    figure: Callable[[Any], go.Figure]
    words: Callable[[Any], list[str]]
    notes: Callable[[Any], list[str]]
    state: Callable[[Any], object]


class TrainingInstrument(Instrument):
    """Trains piece by piece on the thread that draws; neither page nor kernel waits.

    A subclass gives `training`.

    Args:
        session: Next to whose training; while it plays, it has its share of the time.
        pictures: How to show the views of the training.
        buttons: Its own, besides `RUN` and `STOP`.
        heading: Its name.
        share: Of the time that it may take while the session plays, 0 < share ≤ 1.

    Attributes:
        work: The training that was prepared or started last; None if there can be none.
        running: Whether it trains, and is not paused.

    Raises:
        ValueError: The share is out of its range.
    """

    def __init__(
        self,
        session: Session,
        pictures: Pictures,
        *buttons: Button,
        heading: str,
        share: float,
    ) -> None:
        self._pace, self._pictures = Pace(share), pictures
        self.work: Training | None = None
        self.running = False
        self._stopping = False
        self._seconds = 0.0
        self.session = session
        problem = self._prepare()
        first = go.Figure() if self.work is None else pictures.figure(self.work.view)
        self._shown: object = None if self.work is None else pictures.state(self.work.view)
        super().__init__(session, instrument_groups(RUN, STOP, *buttons), first, heading=heading)
        if problem:
            self.message = problem, "error"
            self.tell()

    def training(self) -> Training:
        """A new training with the session's present settings.

        Raises:
            ValueError: It cannot be trained.
        """
        raise NotImplementedError

    @property
    def view(self) -> Any:
        """What has been measured; None if nothing can be trained."""
        return None if self.work is None else self.work.view

    def figure(self) -> PlainFigure:
        """A plain figure of what has been measured; if nothing has, of a training made now.

        Raises:
            ValueError: It cannot be trained.
        """
        view = self.view
        if view is None or not view.measured.any():
            view = self.training().run()
        return PlainFigure.of(self._pictures.figure(view))

    def start(self) -> None:
        """Train, or continue; a training that has ended begins again, with the present settings.

        Raises:
            ValueError: It cannot be trained.
        """
        if self.work is None or self.work.ended or self.work.view.progress == 0:
            self.work, self._seconds = self.training(), 0.0
        self.running = True
        self._loop.hurry()

    def pause(self) -> None:
        """Stop after the piece under way."""
        self.running = False
        self._loop.hurry()

    def stop(self) -> None:
        """End the training at its last complete round; the second time also what follows it."""
        self._stopping = True
        self._loop.hurry()

    def open_session(self, settings: Settings, meta_step: int, title: str) -> None:
        """Restart the session with other settings, and train it so far; the lab's Undo leads back.

        Args:
            settings: At meta-step 0.
            meta_step: How far; 0 for not at all.
            title: What is opened, in words.

        Raises:
            ValueError: The model and the tasks do not fit.
        """
        if self.work is not None:
            self.session.restart(self.work.source, settings)
            self.session.play(until=meta_step)
            self.message = f"Opened {title}: it trains to {meta_step:,}. Undo leads back", "note"

    def attempt(self, action: Callable[[], None]) -> None:
        """Do something that a person has asked for; the panel says why if it cannot be done."""
        self.message = "", ""
        try:
            action()
        except Exception as error:  # noqa: BLE001  # a person's model and tasks may raise anything
            expected = isinstance(error, ValueError)
            text = str(error) if expected else f"{type(error).__name__}: {error}"
            self.message = text, "error"
        self.tell()

    def press(self, name: str) -> None:
        """Do what a button does."""
        if name == "run":
            self.attempt(self.pause if self.running else self.start)
        elif name == "stop":
            self.attempt(self.stop)

    def draw(self) -> bool:
        """Train for a while, and show what is new; True if something is left."""
        work = self.work
        if work is None:
            return False
        if self._stopping:
            self._stopping = False
            work.stop()
        if self.running and not work.ended and (not self.session.playing or self._pace.wait() <= 0):
            with self._pace.work():
                self._train(work)
        self.running = self.running and not work.ended
        view = work.view
        state = self._pictures.state(view)
        if self._shown != state:
            self._shown = state
            self.board.show(self._pictures.figure(view))
        return self.running

    def words(self) -> list[str]:
        """The read-out."""
        if self.work is None:
            return []
        view = self.work.view
        first, *others = self._pictures.words(view)
        if self.running and view.progress > 0.02:
            left = self._seconds * (1 - view.progress) / view.progress
            first += f" · about {_duration(left)} left"
        return [first, *others]

    def tell(self) -> None:
        """Let the page show the read-out, and notes where there is no other message."""
        said = self.message
        notes = [] if self.work is None else self._pictures.notes(self.work.view)
        if not said[0] and notes:
            self.message = " ".join(notes), "note"
        super().tell()
        self.message = said

    def states(self) -> Mapping[str, Mapping[str, object]]:
        """How its buttons stand."""
        work = self.work
        begun = work is not None and not work.ended and work.view.progress > 0
        label = "Pause" if self.running else "Resume" if begun else "Start"
        icon = "pause" if self.running else "play"
        without = {"disabled": not (begun or self.running), "reason": "nothing is being trained"}
        return {"run": {"label": label, "icon": icon}, "stop": without}

    def _prepare(self) -> str:
        """Have a training ready to start; what is wrong with it, or nothing."""
        try:
            self.work = self.training()
        except ValueError as error:
            return str(error)
        return ""

    def _train(self, work: Training) -> None:
        begun = time.monotonic()
        try:
            while self.running and not self._stopping and work.advance():
                if time.monotonic() - begun > WORKING_SECONDS:
                    break
        except BaseException:  # the panel says why; Start begins again
            self.running = False
            raise
        finally:
            self._seconds += time.monotonic() - begun


def _duration(seconds: float) -> str:
    """A time in words.

    Example:
        >>> _duration(42.0), _duration(130.0)
        ('42 s', '2 min')
    """
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
