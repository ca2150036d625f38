"""Query loss over two hyper-parameters: a grid of learners, trained side by side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import final

import torch
from torch import Tensor

from labkit.core import check_count
from labkit.session.maps.best_cell import BestCell, best_cell
from labkit.session.maps.cohort import Cohort, Rounds, finite_or_inf, mean_and_interval
from labkit.session.maps.grid import MapGrid
from labkit.session.settings import Settings
from labkit.session.source import Source
from labkit.session.threads import threads, threads_for

NEW_SEEDS = 5
"""Trainings of the best cell that judge it."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class MapView:
    """What a map has measured.

    Attributes:
        grid: Its cells.
        seeds: Of each cell.
        meta_step: At which all was measured.
        meta_steps: Of the whole training.
        curves: Mean query loss after 0 … steps inner steps on the seed's held-out tasks,
            (rows, columns, seeds, steps + 1); nan where it is not measured, or the learner's θ has
            left the finite numbers.
        measured: Which are measured, (rows, columns, seeds).
        untrained: Query loss of θ₀ without adaptation, mean over the seeds.
        best: The best cell so far; None while cells are missing, or if all have diverged.
        judging: Whether it is being trained with new seeds.
        progress: Share of the work that is done, 0 … 1.
    """

    grid: MapGrid
    seeds: tuple[int, ...]
    meta_step: int
    meta_steps: int
    curves: Tensor
    measured: Tensor
    untrained: float
    best: BestCell | None
    judging: bool
    progress: float

    @property
    def losses(self) -> Tensor:
        """Query loss after K steps, (rows, columns, seeds): inf if diverged, nan if not measured.

        Diverged is a learner whose θ is no longer finite, and one whose loss is not or is more than
        ten times `untrained`.
        """
        rows, columns = self.grid.shape
        steps = torch.tensor(
            [[self.grid.inner_steps(r, c) for c in range(columns)] for r in range(rows)]
        )
        index = steps[:, :, None, None].expand(*self.measured.shape, 1)
        losses = self.curves.gather(3, index)[..., 0]
        losses = finite_or_inf(losses, self.untrained)
        return torch.where(self.measured, losses, torch.nan)

    @property
    def loss(self) -> Tensor:
        """Mean over the seeds that are measured, (rows, columns); inf if one has diverged."""
        return self.losses.nanmean(dim=2)

    def curve(self, row: int, column: int) -> tuple[Tensor, Tensor]:
        """Mean curve of a cell over its seeds, and half its 95 % interval, each (steps + 1,)."""
        return mean_and_interval(self.curves[row, column, self.measured[row, column]])


@final
class MapTraining:
    """Trains a grid of learners piece by piece, and then judges the best cell with new seeds.

    Learners that differ in α and β only are one `Ensemble`; each K, order and seed has another. A
    seed decides θ₀, training tasks and held-out tasks, so the seeds of a cell are independent, and
    the cells of a seed differ by their hyper-parameters alone. Learners are tested after rounds
    that become longer; the first fills in cell by cell.

    Args:
        source: Model and tasks, such as `session.source`.
        settings: All that the grid does not vary; scheduled changes are left out.
        grid: As for `MapGrid.of`.
        seeds: Learners of each cell, ≥ 1: that of the settings, and the next ones.
        meta_steps: Of each learner, ≥ 1.
        tasks: Held-out tasks of each seed, of the split "validation", ≥ 1.

    Raises:
        ValueError: An argument is out of its range.

    Example:
        >>> from labkit.tasks import two_rails, parameter_vector
        >>> source = Source(parameter_vector, two_rails)
        >>> settings = Settings(meta_batch=2, shots=1, meta_optimizer="sgd")
        >>> axes = {"alpha": [0.1, 0.2], "beta": [0.1, 0.5]}
        >>> view = MapTraining(source, settings, axes, seeds=2, meta_steps=20, tasks=2).run()
        >>> view.grid.title(view.best.row, view.best.column), round(view.best.judged, 3)
        ('α = 0.2, β = 0.5', 0.032)
    """

    def __init__(
        self,
        source: Source,
        settings: Settings,
        grid: Mapping[str, Sequence[float]] | None = None,
        *,
        seeds: int = 3,
        meta_steps: int = 1000,
        tasks: int = 100,
    ) -> None:
        for name, value in (("seeds", seeds), ("meta_steps", meta_steps), ("tasks", tasks)):
            check_count(name, value, 1)
        self.source, self.grid = source, MapGrid.of(settings, grid)
        self._tasks, self.meta_steps = tasks, meta_steps
        first = settings.seed
        self.seeds = tuple(range(first, first + seeds))
        rows, columns = self.grid.shape
        self._groups = _groups(self.grid)
        steps = max(self.grid.inner_steps(r, c) for r in range(rows) for c in range(columns))
        self._steps = max(steps, source.test_steps)
        makers = [
            partial(self._cohort, group, seed) for seed in self.seeds for group in self._groups
        ]
        self._map, self._judges = Rounds(makers, meta_steps), Rounds([], meta_steps)

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        return self._map.ended and self._judges.ended

    @property
    def learners(self) -> int:
        """Learners of the map."""
        rows, columns = self.grid.shape
        return rows * columns * len(self.seeds)

    def advance(self) -> bool:
        """Do one piece of the work; False if nothing is left.

        Raises:
            ValueError: As for `Ensemble`, at the first piece.
        """
        if not self._map.ended:
            if not self._map.advance():
                self._begin_to_judge()
        else:
            self._judges.advance()
        return not self.ended

    def run(self) -> MapView:
        """Do all of it in this thread."""
        with threads(threads_for(self.source.learner(self.grid.settings).params)):
            while self.advance():
                pass
        return self.view

    def stop(self) -> None:
        """End the training at the last complete round; the best cell is still judged there.

        A second time nothing more is done.
        """
        if self._map.ended:
            self._judges.stop()
        else:
            self._map.stop()
            self._begin_to_judge()

    @property
    def view(self) -> MapView:
        """What has been measured."""
        rounds, shape = self._map, (*self.grid.shape, len(self.seeds))
        curves = torch.full((*shape, self._steps + 1), torch.nan, dtype=torch.float64)
        measured = torch.zeros(shape, dtype=torch.bool)
        places = [(group, seed) for seed in range(len(self.seeds)) for group in self._groups]
        for (group, seed), rows in zip(places, rounds.curves, strict=False):
            for (row, column), curve in zip(group, rows, strict=True):
                curves[row, column, seed] = curve
                measured[row, column, seed] = True
        untrained = [float(curve[0]) for curve in rounds.untrained]
        view = MapView(
            grid=self.grid,
            seeds=self.seeds,
            meta_step=rounds.meta_step,
            meta_steps=self.meta_steps,
            curves=curves,
            measured=measured,
            untrained=sum(untrained) / max(len(untrained), 1),
            best=None,
            judging=rounds.ended and not self._judges.ended,
            progress=self._progress(),
        )
        return replace(view, best=self._best(view))

    def _begin_to_judge(self) -> None:
        view = self.view
        makers: list[Callable[[], Cohort]] = []
        if view.best is not None:
            group = [(view.best.row, view.best.column)]
            last = self.seeds[-1]
            new = range(last + 1, last + 1 + NEW_SEEDS)
            makers = [partial(self._cohort, group, seed) for seed in new]
        self._judges = Rounds(makers, max(view.meta_step, 1), shares=(1.0,))
        if not makers:
            self._judges.stop()

    def _best(self, view: MapView) -> BestCell | None:
        if not view.measured.all():
            return None
        best, judges = best_cell(view.losses), self._judges
        if best is None or len(judges.curves) < NEW_SEEDS:
            return best
        steps = self.grid.inner_steps(best.row, best.column)
        new = torch.stack([curves[0, steps] for curves in judges.curves])
        return best_cell(view.losses, finite_or_inf(new, view.untrained))

    def _progress(self) -> float:
        if self.ended:
            return 1.0
        judging = NEW_SEEDS / (self.learners + NEW_SEEDS)
        return self._map.progress * (1 - judging) + self._judges.progress * judging

    def _cohort(self, group: Sequence[tuple[int, int]], seed: int) -> Cohort:
        """The learners of some cells with one K and order."""
        cells = [self.grid.cell(row, column, seed) for row, column in group]
        return Cohort(
            self.source,
            cells[0],
            alphas=[cell.alpha for cell in cells],
            betas=[cell.beta for cell in cells],
            tasks=self._tasks,
            test_steps=self._steps,
        )


def _groups(grid: MapGrid) -> list[list[tuple[int, int]]]:
    """The cells with the same K and order, by row and column."""
    rows, columns = grid.shape
    groups: dict[object, list[tuple[int, int]]] = {}
    for row in range(rows):
        for column in range(columns):
            groups.setdefault(grid.kind(row, column), []).append((row, column))
    return list(groups.values())
