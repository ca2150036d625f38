"""One meta-gradient in slow motion: the way to θ_K, and what each step does on the way back."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor
from torch.func import grad_and_value, vjp, vmap

from labkit.core.algorithms import Algorithm, UnrollingAlgorithm
from labkit.core.checks import check_params, checked, count_tasks
from labkit.core.gradients import Unrolled
from labkit.core.inner import AlphaTensors, Carry, InnerLoop, StepTensors, at_inner_step
from labkit.core.linalg import angle_between, as_vector, length, ratio
from labkit.core.on_policy import loss_at, with_noise
from labkit.core.probes.directions import task_gradients
from labkit.core.pytrees import tree_map
from labkit.core.types import Batch, LossFn, Params
from labkit.core.vectorize import Vectorize, for_tasks, map_tasks


@dataclass(frozen=True, slots=True)
class WayBack:
    """How the gradient of the query loss returns from θ_K to θ, exactly.

    v_K is the gradient of the query loss at θ_K, and v_k = (∂θ_{k+1}/∂θ_k)ᵀ v_{k+1}, which is
    (I − α_k H_k) v_{k+1} for gradient descent. v_0 is the exact meta-gradient where adaptation
    starts at θ itself. A vector of zeros has no direction: its angles are nan.

    Attributes:
        norms: ‖v_0‖ … ‖v_K‖, (tasks, K + 1).
        turns: Degrees between v_{k+1} and v_k, for k = 0 … K − 1, (tasks, K).
        angles: Degrees between v_K and v_k, (tasks, K + 1).
        cut_angle: Degrees between the meta-gradients of order 1 and of order 2, (tasks,).
        cut_ratio: Length of the one of order 1 over that of order 2, (tasks,).
    """

    norms: Tensor
    turns: Tensor
    angles: Tensor
    cut_angle: Tensor
    cut_ratio: Tensor

    @property
    def stretches(self) -> Tensor:
        """‖v_k‖ / ‖v_{k+1}‖, what the step back from θ_{k+1} to θ_k does to the length."""
        return ratio(self.norms[:, :-1], self.norms[:, 1:])


@dataclass(frozen=True, slots=True)
class MetaGradientTrace:
    """What `trace_meta_gradient` returns.

    Attributes:
        losses: Support loss at θ_0 … θ_K, (tasks, K + 1).
        gradient_norms: Norm of its gradient in what adapts, at θ_0 … θ_{K−1}, (tasks, K).
        step_lengths: ‖θ_{k+1} − θ_k‖, which is α‖∇L‖ for plain descent with one α, (tasks, K).
        query_losses: Query loss at θ_0 and at θ_K, (tasks, 2).
        query_norms: Norm of the gradient of the query loss at θ_K, (tasks,).
        back: The way back; None for an algorithm that does not differentiate its inner steps.
        directions: What would move θ if the task were alone, as one vector, (tasks, elements).
        norms: Their lengths, (tasks,).
        angles: Degrees between them and the gradient of the query loss at θ_K, (tasks,).
        mean_norm: Length of their mean over the tasks, which is the meta-gradient, 0-d.
        mean_angles: Degrees between each and the mean, (tasks,).
    """

    losses: Tensor
    gradient_norms: Tensor
    step_lengths: Tensor
    query_losses: Tensor
    query_norms: Tensor
    back: WayBack | None
    directions: Tensor
    norms: Tensor
    angles: Tensor
    mean_norm: Tensor
    mean_angles: Tensor

    @property
    def inner_steps(self) -> int:
        """K."""
        return self.step_lengths.shape[1]


def trace_meta_gradient(
    algorithm: Algorithm,
    loss_fn: LossFn,
    params: Params,
    support: Batch,
    query: Batch,
    *,
    second_order: bool = True,
    vectorize: Vectorize = "auto",
) -> MetaGradientTrace:
    """Follow the inner steps of each task, and the gradient of its query loss back through them.

    With g_q = ∇L_query(θ_K) the exact meta-gradient of a task is (I − α_0 H_0) … (I − α_{K−1}
    H_{K−1}) g_q; from right to left each factor gives one v_k. Of order 1 all factors are I.

    Args:
        algorithm: Any algorithm; its own order decides `directions`, and `back` is always exact.
        loss_fn: (params, batch of one task) → 0-d loss.
        params: θ, name → tensor.
        support: Pytree of tensors whose first axis is the task, (tasks, shots, …).
        query: Pytree of tensors whose first axis is the task, (tasks, queries, …).
        second_order: False for a loss that cannot be differentiated twice; `back` is then None.
        vectorize: As for `labkit.meta_gradient`.

    Returns:
        `MetaGradientTrace`. With `loss_weights`, v_k includes the query gradients of the steps
        from k on.

    Raises:
        ValueError: As for `labkit.meta_gradient`.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, §2.2 and §5.2; the recursion is reverse mode:
        Griewank, Walther 2000, doi:10.1145/347837.347846.

    Example:
        L_support = a w²/2 with a = 1, 3 for the two elements, L_query = Σw, α = 0.5: the factor is
        diag(½, −½), so the gradient (1, 1) becomes (½, −½), a right angle away.

        >>> from labkit.core import MAML
        >>> def loss(p, task):
        ...     return (task["a"] * p["w"] ** 2).sum() / 2 + (task["b"] * p["w"]).sum()
        >>> support = {"a": torch.tensor([[1.0, 3.0]]), "b": torch.zeros(1, 2)}
        >>> query = {"a": torch.zeros(1, 2), "b": torch.ones(1, 2)}
        >>> trace = trace_meta_gradient(MAML(0.5), loss, {"w": torch.ones(2)}, support, query)
        >>> trace.back.norms, trace.back.turns
        (tensor([[0.7071, 1.4142]]), tensor([[90.]]))
        >>> trace.back.cut_angle, trace.back.cut_ratio
        (tensor([90.]), tensor([2.]))
    """
    check_params(params)
    params = {name: p.detach() for name, p in params.items()}  # measured, not differentiated
    task = algorithm.task(params)
    sizes = task.loop.sizes(algorithm.alpha, params)
    support, query = with_noise(support, task.loop.steps + 1), with_noise(query, 1)
    tasks = count_tasks(support, query)
    unrolls = second_order and isinstance(algorithm, UnrollingAlgorithm)

    def compute(side_by_side: bool) -> dict[str, Tensor]:
        follow = partial(_follow, task, loss_fn, params, sizes, unrolls)
        numbers = map_tasks(follow, support, query, vectorize=side_by_side)
        if unrolls:
            return numbers
        data = (loss_fn, params, support, query)
        own = task_gradients(algorithm, *data, vectorize=side_by_side)
        return {**numbers, "directions": vmap(as_vector)(own)}

    numbers = for_tasks(compute, vectorize, tasks)
    back = None
    if unrolls:
        way, first, exact = (numbers[name] for name in ("way", "first order", "exact"))
        directions = first if task.loop.order == 1 else exact
        back = WayBack(
            norms=length(way),
            turns=angle_between(way[:, :-1], way[:, 1:]),
            angles=angle_between(way, way[:, -1:].expand_as(way)),
            cut_angle=angle_between(exact, first),
            cut_ratio=ratio(length(first), length(exact)),
        )
    else:
        directions = numbers["directions"]
    mean, slopes = directions.mean(0), numbers["slopes"]
    return MetaGradientTrace(
        losses=numbers["losses"],
        gradient_norms=numbers["gradient norms"],
        step_lengths=numbers["step lengths"],
        query_losses=numbers["query losses"],
        query_norms=length(slopes),
        back=back,
        directions=directions,
        norms=length(directions),
        angles=angle_between(directions, slopes),
        mean_norm=length(mean),
        mean_angles=angle_between(directions, mean.expand_as(directions)),
    )


def _follow(
    task: Unrolled,
    loss_fn: LossFn,
    params: Params,
    sizes: AlphaTensors,
    unrolls: bool,
    support: Batch,
    query: Batch,
) -> dict[str, Tensor]:
    """The numbers of one task on the way to θ_K and, if wanted, the vectors of the way back."""
    loop = replace(task.loop, order=2)
    started = vjp(lambda theta: task.start(loss_fn, theta, support), params)
    theta_0, pull_start = started[0], started[1]
    carry, path, pulls = loop.start(theta_0), [theta_0], []
    losses, gradient_norms = [], []
    for step in range(loop.steps):
        loss, slope = _support_loss(loop, loss_fn, carry[0], support, step)
        losses.append(loss)
        gradient_norms.append(length(slope))
        forward = _forward(loop, loss_fn, at_inner_step(sizes, step), support, step, theta_0)
        if unrolls:
            stepped = vjp(forward, carry)
            carry = stepped[0]
            pulls.append(stepped[1])
        else:
            carry = forward(carry)
        path.append(carry[0])
    losses.append(checked(loss_at(loss_fn, loop.steps))(carry[0], support))
    moves = [
        length(as_vector({name: after[name] - p for name, p in before.items()}))
        for before, after in itertools.pairwise(path)
    ]

    def query_at(step: int) -> tuple[Params, Tensor]:
        return grad_and_value(checked(loss_at(loss_fn, step)))(path[step], query)

    query_slope, last = query_at(loop.steps)
    numbers = {
        "losses": torch.stack(losses),
        "gradient norms": _stacked(gradient_norms, last),
        "step lengths": _stacked(moves, last),
        "query losses": torch.stack([query_at(0)[1], last]),
        "slopes": as_vector(query_slope),
    }
    if not unrolls:
        return numbers
    weights = task.query_weights()
    bar: Carry = tree_map(torch.zeros_like, carry)
    first, way = bar[0], []
    for step in reversed(range(loop.steps + 1)):
        if step < loop.steps:
            (bar,) = pulls[step](bar)
        if weight := weights.get(step):
            more = {name: weight * g for name, g in query_at(step)[0].items()}
            bar = tree_map(torch.add, bar[0], more), bar[1]
            first = tree_map(torch.add, first, more)
        way.append(as_vector(bar[0]))
    numbers["way"] = torch.stack(way[::-1])
    numbers["exact"], numbers["first order"] = (
        as_vector(pull_start(gradient)[0]) for gradient in (bar[0], first)
    )
    return numbers


def _support_loss(
    loop: InnerLoop, loss_fn: LossFn, params: Params, support: Batch, step: int
) -> tuple[Tensor, Tensor]:
    """The support loss at θ_step, and its gradient in what adapts, as a vector."""
    here = checked(loss_at(loss_fn, step))
    gradient, loss = grad_and_value(lambda moving: here({**params, **moving}, support))(
        loop.moving(params)
    )
    return loss, as_vector(gradient)


def _forward(
    loop: InnerLoop,
    loss_fn: LossFn,
    size: StepTensors,
    support: Batch,
    step: int,
    anchor: Params,
) -> Callable[[Carry], Carry]:
    """One inner step, as a function of θ_step and the memory of the inner optimiser."""
    return lambda carry: loop.step(loss_fn, carry, size, support, step, anchor)[0]


def _stacked(values: list[Tensor], like: Tensor) -> Tensor:
    """One row, also of none."""
    return torch.stack(values) if values else like.new_zeros(0)
