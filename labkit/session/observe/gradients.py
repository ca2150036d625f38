"""What the second derivative does to the meta-gradient, measured at one θ by the pure probes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from labkit.core import (
    MAML,
    Algorithm,
    Directions,
    Estimators,
    GradientCheck,
    InnerCurvature,
    Params,
    compare_directions,
    compare_vectors,
    count_tasks,
    drawing,
    inner_curvature,
    is_number,
    tree_map,
    with_noise,
)
from labkit.session.observe.observer import ModelState, Observer, Probed
from labkit.tasks import (
    DrawableFamily,
    Method,
    PathwiseFamily,
    PolicyGradientFamily,
    SolvedFamily,
)
from labkit.training import check_learner, estimators_at, inner_scale, one_task, stream

T = TypeVar("T")

LANCZOS_STEPS = 12
"""Hessian-vector products for each eigenvalue: enough for its first two or three digits."""

_TWICE: dict[str, Any] = {"tasks": 1, "directions": 2, "tolerance": 1e-4}
"""How second derivatives are checked: they are right or, where torch has none, grossly wrong."""

ESTIMATOR_SAMPLES = 8
"""So often all trajectories are drawn for one comparison of estimators."""

NOISY = (
    "α·λ is not measured: the largest eigenvalue of a second derivative that is estimated from "
    "sampled actions is mostly noise, and these tasks have no derivative to take it from"
)

COMPARED: tuple[Method, ...] = ("exact", "first order", "Reptile")
"""In the order of `Directions.names`."""


@dataclass(frozen=True, slots=True, eq=False)
class Theory:
    """What a closed form says where a probe measures.

    Attributes:
        directions: As `compare_directions` gives them.
        curvature: The eigenvalue of α_k H_k of the largest size, (tasks, K).
    """

    directions: Directions
    curvature: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class GradientPoint:
    """The meta-gradient of exact MAML, first-order MAML and Reptile at one θ, α and K.

    Attributes:
        meta_step: Of θ.
        inner_steps: K.
        scale: α, as a multiple of the session's.
        alpha: The session's α if it is one number; else None.
        directions: By `compare_directions`; None if it failed.
        curvature: By `inner_curvature`; None if it failed or was not asked for.
        theory: Of a family with closed forms; else None.
        problems: What failed, a sentence each.
        estimators: Of policies in a world that has derivatives, in place of `directions`: how
            objectives compare with the pathwise derivative; else None.
        rough: Why that is not exact; "" if it is.
    """

    meta_step: int
    inner_steps: int
    scale: float
    alpha: float | None
    directions: Directions | None
    curvature: InnerCurvature | None
    theory: Theory | None
    problems: tuple[str, ...] = ()
    estimators: Estimators | None = None
    rough: str = ""


def measure_gradients(
    observer: Observer,
    state: ModelState,
    meta_step: int,
    *,
    tasks: int,
    scale: float = 1.0,
    inner_steps: int | None = None,
    curvature: bool = True,
) -> GradientPoint:
    """Measure directions and curvature at a state, whatever algorithm trains it.

    Args:
        observer: Of the session's model and tasks.
        state: θ, α and settings.
        meta_step: Of θ.
        tasks: Held-out tasks, ≥ 1.
        scale: Multiplies α.
        inner_steps: K in place of the session's.
        curvature: Whether to measure the curvature along the inner path, which takes longer.

    Returns:
        `GradientPoint`. What a model does not allow, such as a second derivative, is in its
        `problems`; the rest is there.
    """
    steps = state.settings.inner_steps if inner_steps is None else inner_steps
    alpha: Any = scaled(state.alpha, scale)
    problems: list[str] = []

    def tried(what: str, measure: Callable[[Probed], T]) -> T | None:
        try:
            return observer.probe(state, tasks, measure)
        except Exception as error:  # noqa: BLE001  # a person's model and tasks may raise anything
            failed = f"{what} of {observer.model_name} cannot be measured"
            problems.append(f"{failed}: {type(error).__name__}: {error}")
            return None

    def estimators(probed: Probed) -> tuple[Estimators, str] | None:
        if not isinstance(probed.family, PathwiseFamily) or not steps:
            return None
        compared = estimators_at(
            probed.family,
            probed.learner.test_loss_fn,
            probed.params,
            probed.batch.info,
            alpha=alpha,
            inner_steps=steps,
            samples=ESTIMATOR_SAMPLES,
            generator=stream(observer.seed, "estimators"),
        )
        return compared, probed.family.rough

    def directions(probed: Probed) -> Directions | None:
        if isinstance(probed.family, PathwiseFamily):
            return None
        return compare_directions(*_data(probed), alpha=alpha, inner_steps=steps)

    def curvatures(probed: Probed) -> InnerCurvature | None:
        data, scale = _data(probed), 1.0
        if isinstance(probed.family, PathwiseFamily):
            data, scale = _pathwise(probed, steps)
        elif isinstance(probed.family, PolicyGradientFamily):
            problems.append(NOISY)
            return None
        return inner_curvature(
            *data,
            alpha=scaled(alpha, scale),
            inner_steps=steps,
            generator=stream(observer.seed, "start of the Lanczos method"),
            lanczos_steps=LANCZOS_STEPS,
        )

    compared = tried("The directions", directions)
    curved = tried("The curvature", curvatures) if curvature and steps else None
    estimated = tried("The estimators", estimators)
    theory = tried("The theory", lambda probed: _theory(probed, alpha, steps))
    problems += _not_finite(meta_step, compared, curved)
    return GradientPoint(
        meta_step=meta_step,
        inner_steps=steps,
        scale=scale,
        alpha=float(state.alpha) if is_number(state.alpha) else None,
        directions=compared,
        curvature=curved,
        theory=theory,
        problems=tuple(problems),
        estimators=None if estimated is None else estimated[0],
        rough="" if estimated is None else estimated[1],
    )


def _not_finite(
    meta_step: int, directions: Directions | None, curvature: InnerCurvature | None
) -> list[str]:
    """What a θ or an α that is too large leaves nothing of."""
    bad = torch.zeros(1, dtype=torch.bool)
    if directions is not None:
        bad = ~directions.norms.isfinite().all(1).cpu()  # (tasks,)
    if curvature is not None:
        bad = bad | ~curvature.alpha_largest.isfinite().all(1).cpu()
    if not bad.any():
        return []
    return [
        f"At meta-step {meta_step:,} {int(bad.sum())} of {len(bad)} tasks have diverged: their "
        "gradients are not finite, and neither are the means over tasks. Take a smaller α or β, or "
        "go back to an earlier θ"
    ]


def second_derivative_problem(observer: Observer, state: ModelState) -> str:
    """Why the second derivatives of a model cannot be trusted; "" where nothing speaks against it.

    torch takes a function that is marked `once_differentiable`, or detaches what its derivative
    depends on, for one without curvature, and raises nothing. Differences of the meta-objective do
    not, so exact MAML's meta-gradient is compared with them.

    Args:
        observer: Of the session's model and tasks.
        state: θ, α and settings.
    """
    steps = max(state.settings.inner_steps, 1)
    try:
        check = _check(observer, state, MAML(state.alpha, steps), **_TWICE)
    except Exception:  # noqa: BLE001  # what cannot be computed at all, the point there says
        return ""
    part = check.theta
    wrong = (part.errors > part.allowed) & ~part.kinks & part.errors.isfinite()
    if not wrong.any():
        return ""
    return (
        f"{observer.model_name} has wrong second derivatives: its exact meta-gradient is off from "
        f"finite differences by {float(part.errors[wrong].max()):.1g} of its length. A function "
        "that is marked once_differentiable, or detaches, has no curvature for torch; first-order "
        "MAML is right"
    )


def check_gradient(observer: Observer, state: ModelState) -> GradientCheck:
    """Compare the exact meta-gradient at a state with finite differences.

    That of the session's algorithm; where its direction is no gradient by design, that of exact
    MAML with the same α and K.

    Raises:
        ValueError: As for `labkit.check_meta_gradient`.
    """
    settings = state.settings
    if settings.order == 2 and settings.algorithm not in ("reptile", "random"):
        return _check(observer, state, None)
    return _check(observer, state, MAML(state.alpha, settings.inner_steps))


def _check(
    observer: Observer, state: ModelState, algorithm: Algorithm | None, **options: Any
) -> GradientCheck:
    """Check an algorithm at a state; None: that of the session."""

    def measure(probed: Probed) -> GradientCheck:
        learner = probed.learner
        before, own = learner.params, learner.algorithm
        learner.algorithm = algorithm or own
        learner.params = dict(probed.params)
        try:
            return check_learner(learner, **options)
        finally:
            learner.params, learner.algorithm = before, own

    return observer.probe(state, 1, measure)


def task_names(observer: Observer, state: ModelState, tasks: int) -> tuple[str, ...]:
    """What each held-out task is called: its number from 1, and what its family says of it."""

    def names(probed: Probed) -> tuple[str, ...]:
        count = count_tasks(probed.batch.support, probed.batch.query)
        return tuple(_name(probed, task) for task in range(count))

    return observer.probe(state, tasks, names)


def scaled(alpha: Any, scale: float) -> Any:
    """α times a number, in its own structure."""
    return tree_map(lambda size: size * scale, alpha)


def _data(probed: Probed) -> tuple[Any, Params, Any, Any]:
    batch = probed.batch
    return probed.loss_fn, probed.params, batch.support, batch.query


def _pathwise(probed: Probed, steps: int) -> tuple[tuple[Any, Params, Any, Any], float]:
    """The same tasks by the pathwise derivative, and how much longer the session's gradient is."""
    family, info, loss_fn = probed.family, probed.batch.info, probed.learner.test_loss_fn
    assert isinstance(family, PathwiseFamily)  # noqa: S101  # the caller has checked
    exact = family.comparable("pathwise")
    batch, seeds = exact.on_goals(info), torch.Generator().manual_seed(0)
    support = with_noise(drawing(batch.support, seeds, by_step=True), steps + 1)
    query = with_noise(drawing(batch.query, seeds, by_step=False), 1)
    scale = inner_scale(loss_fn, family, probed.params, info)
    return (replace(loss_fn, family=exact), probed.params, support, query), scale


def _theory(probed: Probed, alpha: Any, inner_steps: int) -> Theory | None:
    """By the closed forms of the family, for the parameter vector that it is solved for."""
    family, params = probed.family, probed.params
    size = next(iter(alpha.values())) if isinstance(alpha, Mapping) and alpha else alpha
    if not isinstance(family, SolvedFamily) or len(params) != 1:
        return None
    theta, index = next(iter(params.values())), probed.batch.info["task"].cpu()
    solved: dict[str, Tensor] = {
        method: family.directions(method, theta, alpha=size, inner_steps=inner_steps)[index]
        for method in COMPARED
    }
    curvature = family.curvature(theta, alpha=size, inner_steps=inner_steps)[index]
    return Theory(compare_vectors(solved), curvature)


def _name(probed: Probed, task: int) -> str:
    family, batch = probed.family, probed.batch
    if isinstance(family, SolvedFamily):
        return family.names[int(batch.info["task"][task])]
    number = f"task {task + 1}"
    if not isinstance(family, DrawableFamily):
        return number
    try:
        one = one_task(batch, task)
        portrait = probed.learner.portrait_of(one, family=family, params=probed.params)
    except Exception:  # noqa: BLE001  # a person's own picture; its number is a name too
        return number
    title = getattr(portrait, "title", "")
    return f"{number} ({title})" if title else number
