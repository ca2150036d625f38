"""How far a headless training is, in a file for the process that started it.

The module holds both ends: whoever trains reports, whoever started the training reads. A second
file in the same folder asks for an early end: its reader stops after the meta-step under way, and
measures what it has.
"""

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit._io import atomic_write

VARIABLE = "LABKIT_PROGRESS"
"""Environment variable with the path of the file; without it nothing is reported."""

PATIENCE = "LABKIT_PATIENCE"
"""Environment variable with the number of meta-steps after which a training ends that gets no
better; without it none ends so."""

SECONDS = 0.5

POINTS = 100
"""Most points of the curve, at equal distances: curves of equal length have the same ones."""

_STOP = ".stop"


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run is.

    Attributes:
        phase: What it does: "importing", "starting", "training", "measuring" or, in a sweep,
            "waiting for a worker".
        meta_step: Meta-steps taken.
        meta_steps: In all; None if not known yet.
        curve: Meta-step and the mean losses before and after adaptation since the point before,
            at up to `POINTS` equal distances; None where a loss is not finite.
    """

    phase: str
    meta_step: int = 0
    meta_steps: int | None = None
    curve: list[tuple[int, float | None, float | None]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "RunProgress | None":
        """What a file says; None if there is none."""
        try:
            content: Mapping[str, Any] = json.loads(path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return None
        curve = [(int(step), before, after) for step, before, after in content["curve"]]
        return cls(content["phase"], content["meta_step"], content["meta_steps"], curve)

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        atomic_write(path, lambda file: file.write_text(json.dumps(fields), encoding="ascii"))


class Progress:
    """Reports every half second how far a training is, and decides whether it should end early.

    It should if somebody has asked for it, or if the loss after adaptation has had no new lowest
    point of the curve for as many meta-steps as `PATIENCE` says.

    Args:
        meta_steps: In all.

    Example:
        >>> Progress(20).add(1, 4.0, 3.0)  # the variable is not set
    """

    def __init__(self, meta_steps: int) -> None:
        path = os.environ.get(VARIABLE)
        self.should_stop = False
        self._path = Path(path) if path else None
        self._due = 0.0
        self._meta_steps = meta_steps
        self._distance = max(1, math.ceil(meta_steps / POINTS))
        self._curve: list[tuple[int, float | None, float | None]] = []
        self._sums, self._count = [0.0, 0.0], 0
        self._patience = int(os.environ.get(PATIENCE, "0"))
        self._lowest, self._lowest_at = math.inf, 0

    def add(self, meta_step: int, loss_before: float, loss_after: float) -> None:
        """Report a meta-step with its losses; reads, every half second, whether to stop."""
        if self._path is None:
            return
        self._note(meta_step, loss_before, loss_after)
        self._report(self._path, meta_step)

    def catch_up(self, first: int, losses: Sequence[Sequence[float]]) -> None:
        """Take note of the meta-steps that an earlier attempt of this training has taken.

        Args:
            first: Meta-steps before the training.
            losses: Before and after adaptation, of every meta-step from 1 on.
        """
        if self._path is None:
            return
        for meta_step, (before, after) in enumerate(losses[first:], first + 1):
            self._note(meta_step, before, after)
        self._report(self._path, len(losses))

    def _note(self, meta_step: int, loss_before: float, loss_after: float) -> None:
        self._sums = [self._sums[0] + loss_before, self._sums[1] + loss_after]
        self._count += 1
        if meta_step % self._distance == 0:
            before, after = (_finite(total / self._count) for total in self._sums)
            self._curve.append((meta_step, before, after))
            self._sums, self._count = [0.0, 0.0], 0
            if after is not None and after < self._lowest:
                self._lowest, self._lowest_at = after, meta_step
            if self._patience and meta_step - self._lowest_at >= self._patience:
                self.should_stop = True

    def _report(self, path: Path, meta_step: int) -> None:
        last = meta_step == self._meta_steps
        if last or self.should_stop or time.monotonic() >= self._due:
            self._due = time.monotonic() + SECONDS
            self.should_stop |= stop_file(path).exists()
            phase = "measuring" if last or self.should_stop else "training"
            with suppress(OSError):  # results cannot be written either, and say so
                RunProgress(phase, meta_step, self._meta_steps, self._curve).write(path)


def stop_file(progress: Path) -> Path:
    """The file that asks for an early end, in the folder of the one with the progress."""
    return progress.with_name(_STOP)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
