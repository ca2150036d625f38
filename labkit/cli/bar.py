"""A bar on a terminal that shows how far a run has come."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from labkit.experiments import Plan, Watcher


@contextmanager
def bar(plan: Plan, *, shown: bool | None) -> Iterator[Watcher | None]:
    """A bar of meta-steps with rate and remaining time, on standard error.

    Args:
        plan: Its `meta_steps`, if it has them, are the end of the bar.
        shown: Whether; None: on a terminal.

    Returns:
        What is told how far the run has come; None without a bar.
    """
    if not (sys.stderr.isatty() if shown is None else shown):
        yield None
        return
    total = plan.parameters.get("meta_steps")
    with tqdm(total=total, desc=plan.notebook.name, unit=" meta-steps", file=sys.stderr) as drawn:
        yield lambda meta_step: drawn.update(meta_step - drawn.n)
