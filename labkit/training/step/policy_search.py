"""Meta-optimisers that look several times at data that policies have drawn once: TRPO and PPO."""

from collections.abc import Sequence
from typing import Any, final

from torch import Tensor

from labkit.core import (
    Algorithm,
    Draws,
    LearnedAlpha,
    Params,
    PolicySearch,
    UnrollingAlgorithm,
    loss_at,
    map_tasks,
)
from labkit.tasks import PolicyFamily, TaskFamily
from labkit.training.model import TaskLoss
from labkit.training.step.held_data import hold
from labkit.training.step.layout import Slot
from labkit.training.step.optimizers import OptimizerRule


@final
class SearchRule(OptimizerRule):
    """A `PolicySearch` as the optimiser of a learner; it has no memory.

    Args:
        search: What finds the next θ.
    """

    recordable = False

    def __init__(self, search: PolicySearch) -> None:
        self.search = search

    @property
    def label(self) -> str:
        """Its name and values."""
        return repr(self.search)

    def update(
        self,
        slots: Sequence[Slot],
        gradients: Sequence[Tensor],
        beta: Tensor,
    ) -> list[Slot]:
        """Not possible: `check_search` refuses what would need it."""
        raise NotImplementedError

    def without_decay(self) -> "SearchRule":
        """The same."""
        return self


def check_search(
    search: object, family: TaskFamily, algorithm: Algorithm, *, across_ranks: bool
) -> None:
    """Check that a meta-optimiser, if it is a `PolicySearch`, suits a family and an algorithm.

    Raises:
        ValueError: It does not.
    """
    if not isinstance(search, PolicySearch):
        return
    name, instead = type(search).__name__, "take another meta_optimizer, such as 'adam'"
    if not isinstance(family, PolicyFamily):
        raise ValueError(
            f"{name} is for policies, and {type(family).__name__} has no method "
            f"divergence(old, new, batch): {instead}"
        )
    if not isinstance(algorithm, UnrollingAlgorithm) or isinstance(algorithm.alpha, LearnedAlpha):
        raise ValueError(
            f"{name} needs an algorithm whose inner steps are differentiated through, such as "
            f"MAML, with a fixed alpha, got {algorithm}: {instead}"
        )
    if across_ranks:
        raise ValueError(f"{name} looks at all tasks at once, not across ranks: {instead}")


@final
class HeldTasks:
    """The objective and the divergence of one batch of tasks, as functions of θ.

    Args:
        algorithm: How tasks are adapted to, with its α.
        loss_fn: Policy and family.
        params: θ, that draws.
        support: Of tasks, drawn with the parameters.
        query: Of tasks, drawn with the parameters.
        vectorize: Tasks side by side, or one after another.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        loss_fn: TaskLoss,
        params: Params,
        support: Any,
        query: Any,
        *,
        vectorize: bool,
    ) -> None:
        assert isinstance(loss_fn.family, PolicyFamily)  # noqa: S101  # by `check_search`
        self._loss_fn, self._vectorize = loss_fn, vectorize
        self._task = algorithm.task(params)
        self._sizes = self._task.loop.sizes(algorithm.alpha, params)
        self._family = loss_fn.family
        self._support, self._query, self._old = hold(
            algorithm, loss_fn, params, support, query, vectorize=vectorize
        )

    def objective(self, params: Params) -> Tensor:
        """Mean loss after adaptation, by the ratios to the policies that have drawn, 0-d."""

        def one(support: Draws, query: Draws) -> Tensor:
            end = self._path(params, support)[-1]
            return loss_at(self._loss_fn, self._task.loop.steps)(end, query)

        return self._mean(one, self._support, self._query)

    def divergence(self, params: Params) -> Tensor:
        """Mean KL divergence of the adapted policies from those that have drawn, 0-d."""

        def one(support: Draws, query: Draws, old: Params) -> Tensor:
            end = self._path(params, support)[-1]
            policies = self._loss_fn.predictor(old), self._loss_fn.predictor(end)
            return self._family.divergence(*policies, self._loss_fn.draw(end, query))

        return self._mean(one, self._support, self._query, self._old)

    def _path(self, params: Params, support: Draws) -> list[Params]:
        start = self._task.start(self._loss_fn, params, support)
        return self._task.loop.run(self._loss_fn, start, support, self._sizes)[0]

    def _mean(self, one: Any, *data: Any) -> Tensor:
        values: Tensor = map_tasks(one, *data, vectorize=self._vectorize)
        return values.mean()
