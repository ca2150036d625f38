"""Learners of one K, order and seed: trained side by side, tested on the same held-out tasks."""

from collections.abc import Callable, Iterator, Sequence
from typing import final

import torch
from torch import Tensor

from labkit._student_t import t_quantile
from labkit.core import Algorithm, Params
from labkit.session.settings import Settings
from labkit.session.source import Source
from labkit.training import (
    AdaptationCurve,
    curve_with_alphas,
    draw,
    on_split,
    stream,
    tuned_alphas,
)

ROUNDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Shares of the training after which all learners are tested."""


DIVERGED_FACTOR = 10.0
"""A loss above so many times that of θ₀ without adaptation counts as diverged."""


@final
class Cohort:
    """Learners with an α and a β each, as an `Ensemble`, and the tasks that they are tested on.

    Args:
        source: Model and tasks.
        settings: Their own α and β do not count, and nothing else changes on the way.
        alphas: α of each learner.
        betas: β of each learner.
        tasks: Held-out tasks of the split "validation", ≥ 1; another seed has others.
        test_steps: Inner steps to test with, ≥ K.
        algorithm: In place of that of the settings.
        tuned: Step sizes to test with: for each number of steps the one that does best on as many
            other tasks, as for models that were not trained for a particular one. None: as
            trained, and half of α beyond K.

    Raises:
        ValueError: As for `Ensemble`.

    Example:
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> settings = Settings(meta_batch=2, inner_steps=2)
        >>> source = Source(sinusoid_mlp, Sinusoid)
        >>> cohort = Cohort(
        ...     source, settings, alphas=[0.01, 0.02], betas=[0.001] * 2, tasks=5, test_steps=3
        ... )
        >>> cohort.step()
        >>> cohort.meta_step, cohort.curve(1).mean.shape
        (1, torch.Size([4]))
    """

    def __init__(
        self,
        source: Source,
        settings: Settings,
        *,
        alphas: Sequence[float],
        betas: Sequence[float],
        tasks: int,
        test_steps: int,
        algorithm: Algorithm | None = None,
        tuned: Sequence[float] | None = None,
    ) -> None:
        self._tester = source.learner(settings)
        self._algorithm = self._tester.algorithm if algorithm is None else algorithm
        self.ensemble = source.ensemble(settings, self._algorithm, alphas, betas)
        self.batch = self._tester.held_out(tasks, split="validation")
        """The tasks that all learners are tested on."""
        self._test_steps, self._tuned = test_steps, tuned
        if tuned is not None:
            family, like = on_split(self._tester.tasks, "validation"), self._tester.params
            self._others = draw(family, tasks, stream(settings.seed, "validation"), like)

    def __len__(self) -> int:
        return len(self.ensemble)

    @property
    def meta_step(self) -> int:
        """Meta-steps taken."""
        return self.ensemble.meta_step

    def step(self) -> None:
        """Take a meta-step of each learner."""
        self.ensemble.step()

    def curve(self, index: int) -> AdaptationCurve:
        """The adaptation curve of one learner, as its `MetaLearner` gives it."""
        return self.curve_of(self.ensemble.params(index), self.ensemble.alphas[index])

    def curve_of(self, params: Params, alpha: float) -> AdaptationCurve:
        """The curve of any θ with an α, on the same tasks."""
        tester = self._tester
        tester.algorithm = self._algorithm.with_alpha(alpha)
        if self._tuned is None:
            return tester.curve_on(self.batch, self._test_steps, params=params)
        alphas = tuned_alphas(tester, self._others, self._test_steps, self._tuned, params=params)
        return curve_with_alphas(tester, self.batch, alphas, params=params)

    def untrained(self) -> AdaptationCurve:
        """The curve of θ₀ with the first learner's α."""
        return self.curve_of(self._tester.params, self.ensemble.alphas[0])


@final
class Rounds:
    """Trains cohorts in rounds, piece by piece, and tests all learners after each round.

    Args:
        makers: Create the cohorts, each when its turn comes.
        meta_steps: Of each learner in the end, ≥ 1.
        shares: Of the training, after which all learners are tested.

    Attributes:
        meta_step: At which the curves were measured.
        curves: Mean query losses of each cohort's learners after 0 … steps, (learners, steps + 1):
            of the last round that is complete, or of what the first has so far. nan where a learner
            has diverged.
        untrained: Mean query losses of θ₀, on the tasks of each cohort.
        ended: Whether there is nothing left to do.
    """

    def __init__(
        self,
        makers: Sequence[Callable[[], Cohort]],
        meta_steps: int,
        shares: Sequence[float] = ROUNDS,
    ) -> None:
        self._makers, self.meta_steps, self._shares = makers, meta_steps, shares
        self.cohorts: list[Cohort] = []
        """Those that have begun."""
        self.meta_step = 0
        self.curves: list[Tensor] = []
        self.untrained: list[Tensor] = []
        self.ended = False
        self._pieces = self._work()

    @property
    def progress(self) -> float:
        """Share of all meta-steps that have been taken."""
        done = sum(cohort.meta_step for cohort in self.cohorts)
        return done / max(self.meta_steps * len(self._makers), 1)

    def advance(self) -> bool:
        """Do one piece: a meta-step of a cohort, or a test of a learner; False if none is left."""
        self.ended = self.ended or next(self._pieces, None) is None
        return not self.ended

    def stop(self) -> None:
        """Do no more; the curves stay those of the last complete round."""
        self.ended = True

    def _work(self) -> Iterator[bool]:
        for meta_step in round_ends(self.meta_steps, self._shares):
            curves: list[Tensor] = []
            for number, make in enumerate(self._makers):
                if number == len(self.cohorts):
                    self.cohorts.append(make())
                    self.untrained.append(self.cohorts[-1].untrained().mean)
                    yield True
                cohort = self.cohorts[number]
                while cohort.meta_step < meta_step:
                    cohort.step()
                    yield True
                rows = []
                for index in range(len(cohort)):
                    mean = cohort.curve(index).mean
                    gone = cohort.ensemble.diverged[index]
                    rows.append(torch.where(gone, torch.nan, mean))
                    yield True
                curves.append(torch.stack(rows))
                if self.meta_step in (0, meta_step):  # the first round fills in
                    self.meta_step, self.curves = meta_step, list(curves)
            self.meta_step, self.curves = meta_step, curves


def round_ends(meta_steps: int, shares: Sequence[float] = ROUNDS) -> list[int]:
    """The meta-steps after which learners are tested.

    Example:
        >>> round_ends(40)
        [1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40]
    """
    return sorted({max(round(share * meta_steps), 1) for share in shares})


def mean_and_interval(curves: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over the first axis, (seeds, …), and half its 95 % interval by Student's t.

    Example:
        >>> mean_and_interval(torch.tensor([[1.0], [2.0], [3.0]]))
        (tensor([2.]), tensor([2.4841]))
    """
    count = len(curves)
    if count < 2:
        mean = curves.mean(dim=0)
        return mean, torch.full_like(mean, torch.nan)
    return curves.mean(dim=0), t_quantile(count - 1) * curves.std(dim=0) / count**0.5


def finite_or_inf(losses: Tensor, untrained: float) -> Tensor:
    """Losses, inf where they are not finite or more than ten times that of θ₀.

    Example:
        >>> finite_or_inf(torch.tensor([1.0, 11.0, float("nan")]), untrained=1.0)
        tensor([1., inf, inf])
    """
    return torch.where(losses <= DIVERGED_FACTOR * untrained, losses, torch.inf)
