"""How curved a task's loss is along its inner steps, and what that does to the meta-gradient."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import grad, vjp

from labkit.core.checks import check_count, check_params, checked, count_tasks
from labkit.core.inner import InnerLoop, StepTensors, at_inner_step
from labkit.core.linalg import Matrix, as_vector, from_vector, length, ratio, spectrum_ends
from labkit.core.on_policy import loss_at
from labkit.core.types import Alpha, Batch, LossFn, Params
from labkit.core.vectorize import Vectorize, for_tasks, map_tasks


@dataclass(frozen=True, slots=True)
class InnerCurvature:
    """What `inner_curvature` returns; K inner steps, H_k the Hessian of the support loss at θ_k.

    Attributes:
        lowest: Lowest eigenvalue of H_k, in units of the curvature, shape (tasks, K).
        highest: Highest eigenvalue of H_k, shape (tasks, K).
        alpha_lowest: Lowest eigenvalue of α_k H_k, without unit, shape (tasks, K).
        alpha_highest: Highest eigenvalue of α_k H_k, shape (tasks, K).
        residual: How far the eigenvalues have settled, shape (tasks, K): the larger
            ‖Hv − λv‖ / max |λ| of the two ends. There is an eigenvalue within that share of max |λ|
            around each, mostly much nearer; above 0.1 or so take more `lanczos_steps`.
        stretch: ‖M_0 … M_{K−1} g_q‖ / ‖g_q‖ with M_k = I − H_k α_k, shape (tasks,); nan if g_q = 0.
    """

    lowest: Tensor
    highest: Tensor
    alpha_lowest: Tensor
    alpha_highest: Tensor
    residual: Tensor
    stretch: Tensor

    @property
    def largest(self) -> Tensor:
        """The eigenvalue λ of H_k of the largest size, with its sign, shape (tasks, K)."""
        return _larger(self.lowest, self.highest)

    @property
    def alpha_largest(self) -> Tensor:
        """The eigenvalue αλ of α_k H_k of the largest size, with its sign, shape (tasks, K)."""
        return _larger(self.alpha_lowest, self.alpha_highest)

    @property
    def factor(self) -> Tensor:
        """1 − αλ for αλ = `alpha_largest`: what M_k does along its eigenvector, (tasks, K)."""
        return 1 - self.alpha_largest

    @property
    def radius(self) -> Tensor:
        """The largest |1 − αλ| over all eigenvalues; above 1 something grows, (tasks, K)."""
        return torch.maximum((1 - self.alpha_lowest).abs(), (1 - self.alpha_highest).abs())


def inner_curvature(
    loss_fn: LossFn,
    params: Params,
    support: Batch,
    query: Batch,
    *,
    alpha: Alpha,
    inner_steps: int,
    generator: torch.Generator,
    lanczos_steps: int = 20,
    vectorize: Vectorize = "auto",
) -> InnerCurvature:
    """Find the extreme eigenvalues of the support Hessian along plain gradient descent.

    The exact meta-gradient is M_0 … M_{K−1} g_q with M_k = I − H_k α_k. For each θ_0 … θ_{K−1} the
    two ends of the spectrum of H_k come from the Lanczos method with full reorthogonalisation on
    Hessian-vector products, and those of α_k H_k; both ends, since power iteration does not settle
    where +λ and −λ are of the same size. With α per tensor or element they are the eigenvalues of
    the symmetric diag(√α) H diag(√α), which are those of H diag(α).

    Args:
        loss_fn: (params, batch of one task) → 0-d loss, twice differentiable, not random.
        params: θ, name → tensor.
        support: Pytree of tensors whose first axis is the task, (tasks, shots, …).
        query: Pytree of tensors whose first axis is the task, (tasks, queries, …); for g_q alone.
        alpha: α, in any form that `adapt` takes; ≥ 0 where it is per tensor or element.
        inner_steps: K ≥ 1.
        generator: Draws the vector that the method starts from.
        lanczos_steps: Hessian-vector products for each eigenvalue problem, ≥ 1; as many as θ has
            elements are exact. Memory: 2 copies of θ per task for each.
        vectorize: As for `labkit.meta_gradient`.

    Returns:
        `InnerCurvature`; nan where a task has diverged.

    Raises:
        ValueError: An argument is out of its range; or as for `labkit.meta_gradient`.

    Source:
        The product: Finn, Abbeel, Levine 2017, arXiv:1703.03400, §2.2; its eigenvalues by
        `labkit.core.linalg.lanczos.spectrum_ends`.

    Example:
        H = diag(−3, 2), α = 0.1: the eigenvalue of largest size is −3, and 1 − αλ = 1.3. The query
        gradient (1, 0) becomes (1.3, 0).

        >>> loss = lambda p, task: (task[0] * p["w"] ** 2).sum() / 2 + (task[1] * p["w"]).sum()
        >>> support = torch.tensor([[-3.0, 2.0]]), torch.zeros(1, 2)
        >>> query = torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])
        >>> found = inner_curvature(
        ...     loss, {"w": torch.ones(2)}, support, query, alpha=0.1, inner_steps=1,
        ...     generator=torch.Generator().manual_seed(0),
        ... )
        >>> [round(float(value), 4) for value in (found.largest, found.factor, found.stretch)]
        [-3.0, 1.3, 1.3]
    """
    check_count("inner_steps", inner_steps, 1)
    check_count("lanczos_steps", lanczos_steps, 1)
    check_params(params)
    tasks = count_tasks(support, query)
    params = {name: p.detach() for name, p in params.items()}  # measured, not differentiated
    loop = InnerLoop(inner_steps, order=1)
    sizes = loop.sizes(alpha, params)
    diagonals = [_diagonal(at_inner_step(sizes, k), params) for k in range(inner_steps)]
    theta = as_vector(params)
    vector = torch.randn(
        theta.shape, generator=generator, dtype=theta.dtype, device=generator.device
    )
    start = vector.to(theta.device)

    def one(support: Batch, query: Batch) -> tuple[Tensor, Tensor]:
        path, _ = loop.run(loss_fn, params, support, sizes)
        g_q = as_vector(grad(checked(loss_at(loss_fn, inner_steps)))(path[-1], query))
        stretched, spectra = g_q, []
        for k in reversed(range(inner_steps)):
            hessian, diagonal = _hessian(loss_at(loss_fn, k), path[k], support), diagonals[k]
            stretched = stretched - hessian(diagonal * stretched)
            spectra.append(_both_spectra(hessian, diagonal, start, lanczos_steps))
        return torch.stack(spectra[::-1]), ratio(length(stretched), length(g_q))

    def compute(side_by_side: bool) -> tuple[Tensor, Tensor]:
        return map_tasks(one, support, query, vectorize=side_by_side, randomness="error")

    spectra, stretch = for_tasks(compute, vectorize, tasks)
    low, high, alpha_low, alpha_high, residual = spectra.unbind(-1)
    return InnerCurvature(low, high, alpha_low, alpha_high, residual, stretch)


def _both_spectra(hessian: Matrix, diagonal: Tensor, start: Tensor, steps: int) -> Tensor:
    """Ends of H, ends of αH, and the relative residual, (5,)."""
    low, high, residual = spectrum_ends(hessian, start, steps)
    relative = _relative(residual, low, high)
    if diagonal.ndim == 0:
        ends = torch.sort(torch.stack([diagonal * low, diagonal * high])).values
        return torch.stack([low, high, ends[0], ends[1], relative])
    root = diagonal.sqrt()
    ends_of = spectrum_ends(lambda v: root * hessian(root * v), start, steps)
    worse = torch.maximum(relative, _relative(ends_of[2], ends_of[0], ends_of[1]))
    return torch.stack([low, high, ends_of[0], ends_of[1], worse])


def _relative(residual: Tensor, low: Tensor, high: Tensor) -> Tensor:
    size = torch.maximum(low.abs(), high.abs())
    return torch.where(residual == 0, 0.0, residual / size)


def _larger(low: Tensor, high: Tensor) -> Tensor:
    return torch.where(low.abs() > high.abs(), low, high)


def _hessian(loss_fn: LossFn, at: Params, support: Batch) -> Matrix:
    # the Hessian is symmetric, so its transposed product is its product
    product = vjp(lambda p: grad(checked(loss_fn))(p, support), at)[1]
    return lambda v: as_vector(product(from_vector(v, at))[0])


def _diagonal(size: StepTensors, params: Params) -> Tensor:
    """α of one step: 0-d, or one per element of θ, (elements,)."""
    dtype = as_vector(params).dtype
    if not isinstance(size, dict):
        return size.to(dtype)
    for name, value in size.items():
        if not (value >= 0).all():
            raise ValueError(
                f"alpha for {name} must be ≥ 0 for eigenvalues of a symmetric matrix, got "
                f"{float(value.min())}: give one alpha for all, or none below 0"
            )
    elements = {  # a complex one counts twice in a vector
        name: torch.full_like(p, 1 + 1j if p.is_complex() else 1) for name, p in params.items()
    }
    diagonal = as_vector({name: size[name] * element for name, element in elements.items()})
    return diagonal.to(dtype)
