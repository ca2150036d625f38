"""Bars on a terminal: meta-steps of a run, runs of a sweep."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from labkit.experiments import Plan, Tally, Watcher


@contextmanager
def bar(plan: Plan, *, enabled: bool | None) -> Iterator[Watcher | None]:
    """Show a bar of meta-steps with rate and remaining time on standard error.

    Args:
        plan: The run; its parameter `meta_steps`, if any, is the length of the bar.
        enabled: Whether to show it; None: on a terminal.

    Returns:
        A function that receives the number of completed meta-steps; None without a bar.
    """
    if not (sys.stderr.isatty() if enabled is None else enabled):
        yield None
        return
    total = plan.parameters.get("meta_steps")
    with tqdm(
        total=total, desc=plan.notebook.name, unit=" meta-steps", file=sys.stderr
    ) as progress:
        yield lambda meta_step: progress.update(meta_step - progress.n)


class SweepProgress:
    """A bar on standard error: runs done, failed and left, their rate and the remaining time."""

    def __init__(self) -> None:
        self.tally: Tally | None = None
        self._bar: Any = None

    def __call__(self, tally: Tally) -> None:
        """Show the progress of the sweep."""
        completed = tally.runs - tally.left
        if self._bar is None and not tally.left:
            return
        if self._bar is None:
            self._bar = tqdm(total=tally.runs, initial=completed, unit="run", dynamic_ncols=True)
        counts = {"diverged": tally.diverged} if tally.diverged else {}
        counts = {"done": tally.done, "failed": tally.failed, **counts, "left": tally.left}
        self._bar.set_postfix(counts, refresh=False)
        self._bar.update(completed - self._bar.n)
        self.tally = tally

    def notify(self, message: str) -> None:
        """Print a line above the bar."""
        tqdm.write(f"labkit: {message}", file=sys.stderr)

    def close(self) -> None:
        """End the line."""
        if self._bar is not None:
            self._bar.close()

    @property
    def summary(self) -> str:
        """What remains of a sweep that ends early, to append to the reason."""
        if self.tally is None:
            return ""
        return f"; {self.tally.done} of {self.tally.runs} runs are done: the same command continues"
