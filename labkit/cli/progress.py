"""What a command waits for: on a terminal a line for each run, elsewhere one line now and then."""

import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from time import monotonic
from types import TracebackType
from typing import Any, Self

import typer

from labkit.experiments import Plan, Status, Tally, Watcher, value_text
from labkit.session import RunProgress

FIRST, BETWEEN = 5.0, 30.0
"""Seconds before the first line where there is no terminal, and between two."""

BASIS = 2.0
"""Seconds of training before its pace is shown."""


@dataclass(slots=True)
class Pace:
    """Meta-steps of a run over time.

    Attributes:
        meta_step: Where it was first seen to train.
        at: When, seconds.
    """

    meta_step: int
    at: float


class Display:
    """Shows what a command waits for, while it waits.

    Args:
        headline: What it does at first, such as "starting workers".
        enabled: False: nothing is shown; True: each change, terminal or not; None: what is usual.
        varying: Parameters that tell its runs apart; by default their notebook does.
        now: The time in seconds.

    Example:
        >>> with Display("reading runs", enabled=False) as display:
        ...     display.headline = "writing the report"
    """

    def __init__(
        self,
        headline: str,
        *,
        enabled: bool | None = None,
        varying: Sequence[str] = (),
        now: Callable[[], float] = monotonic,
    ) -> None:
        self.headline = headline
        self.tally: Tally | None = None
        self._enabled, self._varying, self._now = enabled, varying, now
        self._begun = now()
        self._ended_before: int | None = None
        self._running: Sequence[tuple[Plan, RunProgress]] = ()
        self._paces: dict[str, Pace] = {}
        self._last = ""
        self._due = self._begun + (0 if enabled else FIRST)
        self._over = threading.Event()
        self._live: Any = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self._enabled is False:
            return self
        if sys.stderr.isatty():
            # slow to import
            from rich.console import Console  # noqa: PLC0415
            from rich.live import Live  # noqa: PLC0415

            self._live = Live(
                console=Console(stderr=True),
                get_renderable=self._renderable,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        else:
            self._thread = threading.Thread(target=self._tick, name="labkit-progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._live is not None:
            self._live.stop()
        if self._thread is not None:
            self._thread.join()

    def watcher(self, plan: Plan) -> Watcher:
        """What the only run of a command reports to."""
        return lambda progress: self.running([(plan, progress)])

    def count(self, tally: Tally) -> None:
        """Take the number of runs that have ended."""
        self.tally = tally
        if self._ended_before is None:
            self._ended_before = tally.runs - tally.left
            self._begun = self._now()

    def running(self, runs: Sequence[tuple[Plan, RunProgress]]) -> None:
        """Take the runs that are under way."""
        for plan, progress in runs:
            if progress.meta_step and plan.id not in self._paces:
                self._paces[plan.id] = Pace(progress.meta_step, self._now())
        self._running = runs
        if self._enabled and self._live is None:
            self.print_if_due()

    def ended(self, plan: Plan, status: Status) -> None:
        """Say at once that a run has failed or diverged."""
        if status.state != "done":
            self.notice(f"{self._name(plan)} {status.state}: {status.summary}")

    def notice(self, message: str) -> None:
        """Print a line above these lines."""
        if self._live is not None:
            self._live.console.print(f"labkit: {message}", markup=False, highlight=False)
        else:
            typer.echo(f"labkit: {message}", err=True)

    @property
    def summary(self) -> str:
        """What remains of a sweep that ends early, to append to the reason."""
        if self.tally is None:
            return ""
        return f"; {self.tally.done} of {self.tally.runs} runs are done: the same command continues"

    def lines(self) -> list[str]:
        """What a command waits for: a headline, and a line for each run."""
        head = self.headline if self.tally is None else self._counts(self.tally)
        if self.tally is not None and not self._running:
            head += f"; {self.headline}"
        runs = [f"{self._name(plan)}: {self._state(plan, run)}" for plan, run in self._running]
        return runs if self.tally is None and runs else [head, *(f"  {run}" for run in runs)]

    def print_if_due(self) -> None:
        """Print all in one line, if it is time; where each change is shown, only changes."""
        text = "; ".join(line.strip() for line in self.lines())
        if self._now() >= self._due and not (self._enabled and text == self._last):
            self._last, self._due = text, self._now() + (0 if self._enabled else BETWEEN)
            self.notice(text)

    def _tick(self) -> None:
        while not self._over.wait(1.0):
            self.print_if_due()

    def _renderable(self) -> Any:
        from rich.text import Text  # noqa: PLC0415  # slow to import

        return Text("\n".join(self.lines()), no_wrap=True, overflow="ellipsis")

    def _counts(self, tally: Tally) -> str:
        counts = [f"{tally.done:,} of {tally.runs:,} runs done"]
        counts += [f"{n:,} {state}" for state, n in tally.others.items() if n]
        ended = tally.runs - tally.left - (self._ended_before or 0)
        if ended and tally.left:
            counts.append(_left((self._now() - self._begun) / ended * tally.left))
        return ", ".join(counts)

    def _name(self, plan: Plan) -> str:
        values = [f"{name}={value_text(plan.parameters[name])}" for name in self._varying]
        return ", ".join(values) or plan.notebook.name

    def _state(self, plan: Plan, run: RunProgress) -> str:
        if run.phase == "starting":
            return "starting the notebook"
        if run.phase == "measuring":
            return f"measuring after {run.meta_step:,} meta-steps"
        if run.phase != "training":
            return run.phase
        of = "" if run.meta_steps is None else f" of {run.meta_steps:,}"
        text = f"at meta-step {run.meta_step:,}{of}"
        pace = self._paces[plan.id]
        seconds, steps = self._now() - pace.at, run.meta_step - pace.meta_step
        if seconds < BASIS or steps <= 0:
            return text
        text += f", {value_text(float(f'{steps / seconds:.2g}'))} per s"
        return (
            text
            if run.meta_steps is None
            else (f"{text}, {_left((run.meta_steps - run.meta_step) * seconds / steps)}")
        )


def terminal_width() -> int | None:
    """Characters in a line of the terminal that shows the results; None if it is none."""
    return get_terminal_size().columns if sys.stdout.isatty() else None


def _left(seconds: float) -> str:
    """About how long it takes.

    Example:
        >>> _left(40.2), _left(400), _left(40000)
        ('about 40 s left', 'about 7 min left', 'about 11 h left')
    """
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"about {seconds / size:.0f} {unit} left"
    return f"about {max(seconds, 1):.0f} s left"
