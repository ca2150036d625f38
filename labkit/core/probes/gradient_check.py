"""Is this the gradient? A meta-gradient against differences of its own meta-objective."""

from dataclasses import dataclass

import torch
from torch import Tensor

from labkit.core.algorithms import Algorithm, RandomInitialization, Reptile, UnrollingAlgorithm
from labkit.core.checks import check_count, check_positive, count_tasks
from labkit.core.gradients import MetaGradient
from labkit.core.probes.finite_differences import Differences, Objective, Tree, differences
from labkit.core.pytrees import tree_leaves, tree_map
from labkit.core.types import Batch, LossFn, Params
from labkit.core.vectorize import Vectorize, for_tasks


@dataclass(frozen=True, slots=True)
class GradientCheck:
    """What `check_meta_gradient` returns; `print` shows it as a table.

    Attributes:
        theta: Along directions in θ: `Differences`, with one row for each.
        alpha: Along directions in α; None where the algorithm has no gradient there.
    """

    theta: Differences
    alpha: Differences | None

    @property
    def kinks(self) -> bool:
        """Whether a direction met a kink or jump (ReLU) or a random loss, and so does not count."""
        return any(bool(part.kinks.any()) for part in self._parts().values())

    @property
    def passed(self) -> bool:
        """All differences that have settled agree, and both θ and α have such."""
        return not self._wrong() and not self._undecided()

    def __str__(self) -> str:
        """A table, with a line on what it shows."""
        lines = [
            f"{'':5} {'analytic':>14} {'numeric':>14} {'at half step':>14} {'error':>8} allowed"
        ]
        for name, part in self._parts().items():
            for row in range(len(part.analytic)):
                cells = (part.analytic[row], part.numeric[row], part.numeric_half[row])
                values = " ".join(f"{float(value):14.7g}" for value in cells)
                error = f"{float(part.errors[row]):8.1e} {float(part.allowed[row]):7.1e}"
                lines.append(f"{name:5} {values} {error}{'  kink' if part.kinks[row] else ''}")
        if self.kinks:
            lines.append(
                "A kink does not count: within the step there is a ReLU's kink, or the loss is "
                "random; take a smaller step, a smooth activation, or switch dropout off"
            )
        if self._wrong():
            lines.append(f"FAILED in {' and '.join(self._wrong())}")
        elif self._undecided():
            lines.append(f"undecided: no smooth direction in {' and '.join(self._undecided())}")
        else:
            lines.append("passed")
        return "\n".join(lines)

    def _parts(self) -> dict[str, Differences]:
        parts = {"theta": self.theta, "alpha": self.alpha}
        return {name: part for name, part in parts.items() if part is not None}

    def _wrong(self) -> list[str]:
        return [
            name
            for name, part in self._parts().items()
            if not ((part.errors <= part.allowed) | part.kinks).all()  # a nan does not agree
        ]

    def _undecided(self) -> list[str]:
        return [name for name, part in self._parts().items() if part.kinks.all()]


def check_meta_gradient(
    algorithm: Algorithm,
    loss_fn: LossFn,
    params: Params,
    support: Batch,
    query: Batch,
    *,
    generator: torch.Generator,
    directions: int = 5,
    step: float = 1e-5,
    tolerance: float = 1e-6,
    vectorize: Vectorize = "auto",
) -> GradientCheck:
    """Compare a meta-gradient with central differences of the meta-objective, on any model.

    For random unit directions v in θ, and in α where the algorithm has a gradient there:
    ⟨∇F, v⟩ against (F(θ + h v) − F(θ − h v)) / 2h, where F is the `loss` that the algorithm itself
    reports; also with h / 2, since an error stays as it is and a kink does not, and with h / 10 and
    h / 100 where there is a kink.

    Args:
        algorithm: One whose direction is the gradient of its `loss`: MAML, ANIL, MetaSGD or
            ProtoMAML with order 2, or JointTraining; or IMAML, which agrees only as far as its
            inner problem and its linear system are solved, and needs a larger tolerance.
        loss_fn: (params, batch of one task) → 0-d loss in float64, not random.
        params: θ, name → tensor in float64.
        support: Pytree of tensors whose first axis is the task, (tasks, shots, …).
        query: Pytree of tensors whose first axis is the task, (tasks, queries, …).
        generator: Draws the directions.
        directions: Number of directions in θ, and in α as far as it has elements, ≥ 1.
        step: h > 0, in units of θ and of α.
        tolerance: Largest relative error that passes, > 0; rounding is allowed on top of it.
        vectorize: As for `labkit.meta_gradient`.

    Returns:
        `GradientCheck`: `.passed`, and a table to print.

    Raises:
        ValueError: θ or the loss is not in float64; the algorithm's direction is not the gradient
            of its loss (order 1, Reptile, RandomInitialization); or as for `labkit.meta_gradient`.

    Source:
        Nocedal, Wright 2006, Numerical Optimization, §8.1, eq. 8.7.

    Example:
        L_support = w²/2, L_query = (w − 1)²/2, θ = 4, α = 0.5: ∂/∂θ = 0.5 · 1, ∂/∂α = −1 · 4.

        >>> loss = lambda p, target: ((p["w"] - target) ** 2).sum() / 2
        >>> theta = {"w": torch.tensor(4.0, dtype=torch.float64)}
        >>> zero, one = torch.zeros(1), torch.ones(1)
        >>> generator = torch.Generator().manual_seed(0)
        >>> from labkit.core.algorithms.maml import MAML
        >>> found = check_meta_gradient(
        ...     MAML(alpha=0.5), loss, theta, zero, one, generator=generator, directions=1
        ... )
        >>> found.passed, float(found.theta.analytic.abs()), float(found.alpha.analytic.abs())
        (True, 0.5, 4.0)
    """
    check_count("directions", directions, 1)
    check_positive("step", step)
    check_positive("tolerance", tolerance)
    _check_double(params)
    _check_is_gradient(algorithm, params)
    params = {name: p.detach() for name, p in params.items()}
    data, tasks = (support, query), count_tasks(support, query)

    def compute(side_by_side: bool) -> tuple[MetaGradient, bool]:
        gradient = algorithm.meta_gradient(loss_fn, params, *data, vectorize=side_by_side)
        return gradient, side_by_side

    result, side_by_side = for_tasks(compute, vectorize, tasks)
    if result.loss.dtype != torch.float64:
        raise ValueError(
            f"the loss is {result.loss.dtype}, too coarse for differences: give the data in "
            "float64 too, and convert nothing in loss_fn"
        )

    def against_differences(objective: Objective, point: Tree, gradient: Tree) -> Differences:
        return differences(
            objective,
            point,
            gradient,
            directions=directions,
            generator=generator,
            step=step,
            tolerance=tolerance,
        )

    def with_theta(theta: Params) -> Tensor:
        return algorithm.meta_gradient(loss_fn, theta, *data, vectorize=side_by_side).loss

    in_theta, in_alpha = against_differences(with_theta, params, result.params), None
    if result.alpha is not None and tree_leaves(result.alpha):

        def with_alpha(alpha: Tree) -> MetaGradient:
            # every algorithm is a dataclass, which the type checker cannot know of the base
            other = algorithm.with_alpha(alpha)
            return other.meta_gradient(loss_fn, params, *data, vectorize=side_by_side)

        # float64 tensors, whatever form α was given in
        sizes = algorithm.task(params).loop.sizes(algorithm.alpha, params)
        doubles = tree_map(lambda size: size.double(), sizes)
        in_alpha = against_differences(
            lambda alpha: with_alpha(alpha).loss, doubles, with_alpha(doubles).alpha
        )
    return GradientCheck(in_theta, in_alpha)


def _check_double(params: Params) -> None:
    for name, p in params.items():
        if p.dtype not in (torch.float64, torch.complex128):
            raise ValueError(
                f"params[{name!r}] is {p.dtype}, too coarse for differences: give float64, by "
                "model.double() and data in float64, or MetaLearner(dtype=torch.float64)"
            )


def _check_is_gradient(algorithm: Algorithm, params: Params) -> None:
    first_order = isinstance(algorithm, UnrollingAlgorithm) and (
        algorithm.task(params).loop.order == 1
    )
    if first_order or isinstance(algorithm, Reptile | RandomInitialization):
        name = type(algorithm).__name__ + (" with order 1" if first_order else "")
        raise ValueError(
            f"the direction of {name} is not the gradient of its loss, by design, so "
            "differences cannot confirm it: check the same algorithm with order 2, or MAML"
        )
