"""How well objectives of policies estimate the second derivative, against one that is exact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import pi
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, vmap

from labkit.core.checks import check_count
from labkit.core.linalg import as_vector
from labkit.core.on_policy import drawing, loss_at, with_noise
from labkit.core.types import Alpha, Batch, LossFn, Params
from labkit.core.vectorize import Vectorize, for_tasks, map_tasks

FIRST_ORDER = "first order"

NORMAL_95 = 1.96
"""Half of the 95 % interval of a normal distribution, in standard errors."""


@dataclass(frozen=True, slots=True)
class Estimators:
    """What `compare_estimators` returns; all tensors are in the order of `names`.

    Attributes:
        names: The reference, the other estimators, and "first order".
        angles: Between the mean meta-gradient and that of the reference, degrees, (names,); nan
            where it is lost in the noise.
        angles_ci95: Half widths of their 95 % intervals, (names,).
        ratios: Of their lengths to that of the reference, (names,).
        ratios_ci95: Half widths of their 95 % intervals, (names,).
        curvatures: vᵀHv/‖v‖² in the last inner step's H, along the query gradient v, (names,); 0
            for first order.
        curvatures_ci95: Half widths of their 95 % intervals, (names,).
        samples: How many there are.
    """

    names: tuple[str, ...]
    angles: Tensor
    angles_ci95: Tensor
    ratios: Tensor
    ratios_ci95: Tensor
    curvatures: Tensor
    curvatures_ci95: Tensor
    samples: int

    def __getitem__(self, name: str) -> "EstimatorRow":
        """The row of one estimator.

        Raises:
            KeyError: There is none of this name.
        """
        if name not in self.names:
            raise KeyError(f"{name!r} is none of {', '.join(self.names)}")
        at = self.names.index(name)
        return EstimatorRow(
            float(self.angles[at]),
            float(self.angles_ci95[at]),
            float(self.ratios[at]),
            float(self.ratios_ci95[at]),
            float(self.curvatures[at]),
            float(self.curvatures_ci95[at]),
        )


@dataclass(frozen=True, slots=True)
class EstimatorRow:
    """One estimator; see `Estimators`."""

    angle: float
    angle_ci95: float
    ratio: float
    ratio_ci95: float
    curvature: float
    curvature_ci95: float


def compare_estimators(
    losses: Mapping[str, LossFn],
    params: Params,
    supports: Mapping[str, Batch],
    query: Batch,
    *,
    alpha: Alpha,
    inner_steps: int,
    samples: int,
    generator: torch.Generator,
    vectorize: Vectorize = "auto",
) -> Estimators:
    """Compare the meta-gradients that estimators of the inner second derivative lead to.

    The reference, the first of `losses`, takes the inner steps and gives the query gradient v. With
    H_k as an estimator has it on the same random numbers, its meta-gradient is
    (I − α H_0) … (I − α H_{K−1}) v; first-order MAML has H = 0. So they differ in H alone, and have
    the expectation that H has.

    Each sample draws all data again. Products of means are estimated without the bias of noise,
    from pairs of different samples: ⟨a, b⟩ = Σ_{r≠s} a_r·b_s / (n(n − 1)). Intervals are those of
    the jackknife over the samples.

    Args:
        losses: Name → (params, batch of one task) → 0-d loss; the first has exact derivatives.
        params: θ, name → tensor.
        supports: Name → support data that are drawn with the parameters, an `OnPolicy` with the
            same noise and tasks each; in the same order.
        query: Of the reference.
        alpha: α: a number, one for each tensor or element, or a sequence of those for each step.
        inner_steps: K ≥ 1.
        samples: n ≥ 3.
        generator: Draws the seeds.
        vectorize: As for `labkit.meta_gradient`.

    Returns:
        `Estimators`.

    Raises:
        ValueError: A number is out of its range, or as for `labkit.meta_gradient`.

    Source:
        Jackknife: Efron, Stein 1981, The Annals of Statistics 9 (3).

    Example:
        Rewards −x²/2 for x = θ + noise. Through x the loss has the second derivative 1, and
        α = 0.5 halves the gradient; of "none" the loss is constant, and nothing is halved.

        >>> from labkit.core.on_policy import OnPolicy
        >>> data = OnPolicy(
        ...     noise=lambda generator: torch.randn(8, generator=generator),
        ...     batch=lambda params, noise, task: params["x"] + noise + task,
        ...     tasks=torch.zeros(1),
        ... )
        >>> losses = {
        ...     "exact": lambda params, x: (x * x).mean() / 2,
        ...     "none": lambda params, x: 0 * params["x"].sum() ** 2,
        ... }
        >>> found = compare_estimators(
        ...     losses, {"x": torch.full((1,), 4.0)}, dict.fromkeys(losses, data), data,
        ...     alpha=0.5, inner_steps=1, samples=5, generator=torch.Generator().manual_seed(0),
        ... )
        >>> found.curvatures, found.ratios
        (tensor([1., 0., 0.]), tensor([1., 2., 2.]))
    """
    check_count("inner_steps", inner_steps, 1)
    check_count("samples", samples, 3)
    params = {name: p.detach() for name, p in params.items()}
    names = (*losses, FIRST_ORDER)
    seeds = torch.randint(2**32, (samples, 2), generator=generator).tolist()
    rows, products = [], []
    for first, second in seeds:
        data_of = {name: _drawn(data, first, inner_steps) for name, data in supports.items()}
        asked = with_noise(drawing(query, _stream(second), by_step=False), 1)
        of_tasks, along = _sample(
            losses, params, data_of, asked, alpha, inner_steps, vectorize=vectorize
        )
        rows.append(torch.stack([vmap(as_vector)(each).mean(0) for each in of_tasks]))
        products.append(along.mean(0))  # vᵀHv of each, and vᵀv
    vectors = torch.stack(rows).double()  # (samples, names, elements)
    gram = torch.einsum("rae,sbe->abrs", vectors, vectors)
    curved = torch.stack(products).double()
    everything = torch.stack(_measures(gram, curved))
    kept = [torch.arange(samples) != left for left in range(samples)]
    without = torch.stack(
        [torch.stack(_measures(gram[:, :, keep][..., keep], curved[keep])) for keep in kept]
    )
    spread = (without - without.mean(0)).square().sum(0) * (samples - 1) / samples
    ci95 = NORMAL_95 * spread.sqrt()
    angles, ratios, curvatures = everything.to(torch.float32)
    angles_ci95, ratios_ci95, curvatures_ci95 = ci95.to(torch.float32)
    return Estimators(
        names, angles, angles_ci95, ratios, ratios_ci95, curvatures, curvatures_ci95, samples
    )


def _stream(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _drawn(data: Batch, seed: int, steps: int) -> Batch:
    """With the same random numbers for each estimator."""
    return with_noise(drawing(data, _stream(seed), by_step=True), steps)


def _sample(
    losses: Mapping[str, LossFn],
    params: Params,
    supports: Mapping[str, Batch],
    query: Batch,
    alpha: Alpha,
    inner_steps: int,
    *,
    vectorize: Vectorize,
) -> tuple[list[Params], Tensor]:
    """The meta-gradient of each estimator on each task, and the products along v."""
    names, (reference, *_) = list(losses), losses.values()

    def one(data_of: dict[str, Batch], asked: Batch) -> tuple[list[Params], Tensor]:
        path = [params]
        for step in range(inner_steps):
            slope = grad(loss_at(reference, step))(path[-1], data_of[names[0]])
            path.append(_moved(path[-1], slope, alpha, step))
        query_slope = grad(loss_at(reference, inner_steps))(path[-1], asked)
        directions, along = [], []
        for name, loss_fn in losses.items():
            direction = query_slope
            for step in reversed(range(inner_steps)):
                curved = _hessian_product(
                    loss_at(loss_fn, step), path[step], data_of[name], direction
                )
                if step == inner_steps - 1:
                    along.append(_dot(query_slope, curved))
                direction = _moved(direction, curved, alpha, step)
            directions.append(direction)
        square = _dot(query_slope, query_slope)
        return [*directions, query_slope], torch.stack([*along, 0 * square, square])

    def compute(side_by_side: bool) -> Any:
        return map_tasks(one, dict(supports), query, vectorize=side_by_side)

    tasks = len(next(iter(supports.values())).seeds)
    result: tuple[list[Params], Tensor] = for_tasks(compute, vectorize, tasks)
    return result


def _hessian_product(loss: LossFn, params: Params, data: Batch, vector: Params) -> Params:
    """H v, by two reverse passes: what is drawn without a derivative has none in either."""
    product: Params = grad(lambda p: _dot(grad(loss)(p, data), vector))(params)
    return product


def _moved(params: Params, slope: Params, alpha: Alpha, step: int) -> Params:
    size: Any = alpha[step] if isinstance(alpha, Sequence) else alpha
    return {
        name: p - (size[name] if isinstance(size, Mapping) else size) * slope[name]
        for name, p in params.items()
    }


def _dot(one: Params, other: Params) -> Tensor:
    return torch.stack([(one[name] * other[name]).sum() for name in one]).sum()


def _measures(gram: Tensor, products: Tensor) -> list[Tensor]:
    """Angles in degrees, ratios and curvatures.

    Args:
        gram: a_r · b_s, (names, names, samples, samples).
        products: vᵀHv of each name, and vᵀv, (samples, names + 1).
    """
    samples = gram.shape[-1]
    pairs = gram.sum((-2, -1)) - gram.diagonal(dim1=-2, dim2=-1).sum(-1)
    pairs = pairs / (samples * (samples - 1))
    lengths = pairs.diagonal().sqrt()  # nan where noise hides it
    cosines = (pairs[0] / (lengths * lengths[0])).clamp(-1, 1)
    means = products.mean(0)
    return [cosines.acos() * 180 / pi, lengths / lengths[0], means[:-1] / means[-1]]
