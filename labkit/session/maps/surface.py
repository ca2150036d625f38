"""Trained with K inner steps, tested with any number of them; and what it is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import final

import torch
from torch import Tensor

from labkit.core import JointTraining, check_count
from labkit.session.maps.cohort import Cohort, Rounds, finite_or_inf, mean_and_interval
from labkit.session.settings import ParameterError, Settings
from labkit.session.source import Source
from labkit.session.threads import threads, threads_for
from labkit.tasks import Sinusoid, TaskFamily, Tides, harmonic_fit, sinusoid_mlp

TRAINED = (1, 2, 3, 4, 5)
TEST_STEPS = 32

ROUNDS = (0.03, 0.1, 0.3, 1.0)
"""Shares of the training after which all is tested."""

MULTIPLES = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Step sizes that the baselines are tested with, as multiples of α; the best one counts."""

RANDOM, JOINT, ORACLE, HARMONIC = "random θ", "joint training", "oracle", "harmonic fit"


@final
@dataclass(frozen=True, slots=True, eq=False)
class SurfaceView:
    """What a surface has measured.

    Attributes:
        settings: Of all learners but for K.
        trained: K of each row.
        seeds: Of each K.
        meta_step: At which all was measured.
        meta_steps: Of the whole training.
        curves: Mean query loss after 0 … steps test steps on the seed's held-out tasks,
            (trained, seeds, steps + 1); nan where it is not measured, or θ is not finite.
        measured: Which are measured, (trained, seeds).
        baselines: Name → the same of what it is compared with, (seeds, steps + 1).
        untrained: Query loss of θ₀ without adaptation, mean over the seeds.
        progress: Share of the work that is done, 0 … 1.
    """

    settings: Settings
    trained: tuple[int, ...]
    seeds: tuple[int, ...]
    meta_step: int
    meta_steps: int
    curves: Tensor
    measured: Tensor
    baselines: Mapping[str, Tensor]
    untrained: float
    progress: float

    @property
    def loss(self) -> Tensor:
        """Mean over the measured seeds, (trained, steps + 1); inf if one of them has diverged.

        As diverged counts a loss that is not finite or more than ten times `untrained`.
        """
        losses = finite_or_inf(self.curves, self.untrained)
        return torch.where(self.measured[:, :, None], losses, torch.nan).nanmean(dim=1)

    def curve(self, row: int) -> tuple[Tensor, Tensor]:
        """Mean curve of a row over its seeds, and half its 95 % interval, each (steps + 1,)."""
        return mean_and_interval(self.curves[row, self.measured[row]])

    def baseline(self, name: str) -> Tensor:
        """The mean curve of a baseline over its seeds, (steps + 1,)."""
        return self.baselines[name].nanmean(dim=0)


@final
class SurfaceTraining:
    """Trains a learner for each K and seed piece by piece, and tests each with 0 … many steps.

    Beyond K the step size is half of α, see `Algorithm.evaluation_alpha`. Baselines take for each
    number of steps the best of some step sizes, chosen on other tasks: θ₀ as it was drawn, and
    joint training. For sinusoids with the paper's network the oracle is another one that also
    gets amplitude and phase; for tides the harmonic fit is least squares on the support readings.

    Args:
        source: Model and tasks, such as `session.source`.
        settings: All but K; scheduled changes are left out, and α is fixed.
        trained: Numbers K, at least two, each ≥ 1.
        seeds: Learners of each K, ≥ 1: that of the settings, and the next ones.
        meta_steps: Of each learner, ≥ 1.
        tasks: Held-out tasks of each seed, of the split "validation", ≥ 1.
        test_steps: ≥ the largest K.

    Raises:
        ValueError: An argument is out of its range.

    Example:
        >>> from labkit.tasks import Sinusoid
        >>> source, settings = Source(sinusoid_mlp, Sinusoid), Settings(meta_batch=2)
        >>> view = SurfaceTraining(
        ...     source, settings, (1, 2), seeds=1, meta_steps=2, tasks=5, test_steps=3
        ... ).run()
        >>> view.loss.shape, [*view.baselines]
        (torch.Size([2, 4]), ['random θ', 'joint training', 'oracle'])
    """

    def __init__(
        self,
        source: Source,
        settings: Settings,
        trained: Sequence[int] = TRAINED,
        *,
        seeds: int = 3,
        meta_steps: int = 1000,
        tasks: int = 100,
        test_steps: int = TEST_STEPS,
    ) -> None:
        for name, value in (("seeds", seeds), ("meta_steps", meta_steps), ("tasks", tasks)):
            check_count(name, value, 1)
        if not isinstance(trained, Sequence) or len(set(trained)) < 2:
            raise ParameterError(f"trained needs at least two numbers of steps, got {trained!r}")
        for steps in trained:
            check_count("an entry of trained", steps, 1)
        check_count("test_steps", test_steps, max(trained))
        self.source, self.settings = source, settings.changed(events=(), alpha_learned="no")
        self.trained = tuple(sorted(set(trained)))
        self.seeds = tuple(range(settings.seed, settings.seed + seeds))
        self.meta_steps, self.test_steps, self._tasks = meta_steps, test_steps, tasks
        self._family = source.tasks(**settings.task_options)
        self._oracle = oracle_source(source, self._family)
        makers = [partial(self._row, k, seed) for seed in self.seeds for k in self.trained]
        makers += [partial(self._joint, seed) for seed in self.seeds]
        if self._oracle is not None:
            makers += [partial(self._oracle_cohort, self._oracle, seed) for seed in self.seeds]
        self._rounds = Rounds(makers, meta_steps, ROUNDS)

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        return self._rounds.ended

    def advance(self) -> bool:
        """Do one piece of the work; False if nothing is left.

        Raises:
            ValueError: As for `Ensemble`, at the first piece.
        """
        return self._rounds.advance()

    def run(self) -> SurfaceView:
        """Do all of it in this thread."""
        with threads(threads_for(self.source.learner(self.settings).params)):
            while self.advance():
                pass
        return self.view

    def stop(self) -> None:
        """End the training at the last complete round."""
        self._rounds.stop()

    @property
    def view(self) -> SurfaceView:
        """What has been measured."""
        rounds, count = self._rounds, len(self.seeds)
        length, rows = self.test_steps + 1, len(self.trained)
        curves = torch.full((rows, count, length), torch.nan, dtype=torch.float64)
        measured = torch.zeros((rows, count), dtype=torch.bool)
        for number, curve in enumerate(rounds.curves[: rows * count]):
            seed, row = divmod(number, rows)
            curves[row, seed], measured[row, seed] = curve[0], True
        first = rows * count
        baselines = {
            RANDOM: rounds.untrained[first : first + count],
            JOINT: [c[0] for c in rounds.curves[first : first + count]],
            ORACLE: [c[0, :1].expand(length) for c in rounds.curves[first + count :]],
            HARMONIC: [c.expand(length) for c in self._harmonic()],
        }
        untrained = [float(curve[0]) for curve in rounds.untrained[:first]]
        return SurfaceView(
            settings=self.settings,
            trained=self.trained,
            seeds=self.seeds,
            meta_step=rounds.meta_step,
            meta_steps=self.meta_steps,
            curves=curves,
            measured=measured,
            baselines={name: torch.stack(values) for name, values in baselines.items() if values},
            untrained=sum(untrained) / max(len(untrained), 1),
            progress=1.0 if rounds.ended else rounds.progress,
        )

    def _harmonic(self) -> list[Tensor]:
        """The mean squared error of the harmonic fit on the tasks of each seed that has begun."""
        if not isinstance(self._family, Tides):
            return []
        errors = []
        for cohort in self._rounds.cohorts[:: len(self.trained)][: len(self.seeds)]:
            (x, y), (x_query, y_query) = cohort.batch.support, cohort.batch.query
            errors.append((harmonic_fit(x, y, x_query) - y_query).square().mean())
        return errors

    def _row(self, inner_steps: int, seed: int) -> Cohort:
        return self._cohort(self.source, self.settings.changed(inner_steps=inner_steps, seed=seed))

    def _joint(self, seed: int) -> Cohort:
        settings = self.settings.changed(seed=seed)
        tuned = [multiple * settings.alpha for multiple in MULTIPLES]
        joint = JointTraining(alpha=settings.alpha, inner_steps=0)
        return self._cohort(self.source, settings, joint, tuned)

    def _oracle_cohort(self, source: Source, seed: int) -> Cohort:
        settings = self.settings.changed(seed=seed)
        return self._cohort(source, settings, JointTraining(alpha=settings.alpha, inner_steps=0))

    def _cohort(
        self,
        source: Source,
        settings: Settings,
        algorithm: JointTraining | None = None,
        tuned: Sequence[float] | None = None,
    ) -> Cohort:
        return Cohort(
            source,
            settings,
            alphas=[settings.alpha],
            betas=[settings.beta],
            tasks=self._tasks,
            test_steps=self.test_steps,
            algorithm=algorithm,
            tuned=tuned,
        )


def oracle_source(source: Source, family: TaskFamily) -> Source | None:
    """The same tasks for a network that also gets what sets each apart; None where none is known.

    Example:
        >>> source = Source(sinusoid_mlp, Sinusoid)
        >>> oracle = oracle_source(source, Sinusoid(shots=5))
        >>> oracle.tasks(shots=5).oracle
        True
    """
    if source.model is not sinusoid_mlp or not isinstance(family, Sinusoid) or family.oracle:
        return None
    return replace(
        source,
        model=partial(sinusoid_mlp, inputs=3),
        tasks=lambda shots: replace(family, shots=shots, oracle=True),
    )
