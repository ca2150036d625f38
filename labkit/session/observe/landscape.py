"""The meta-loss on a plane through θ: which plane, what lies on it, and its losses."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from labkit.core import (
    MAML,
    Plane,
    adaptation_paths,
    is_number,
    plane_losses,
    task_gradients,
)
from labkit.session.observe.landscape_plane import (
    PlaneChoice,
    PlaneName,
    half_length,
    plane_grid,
    span_plane,
    variance_shares,
)
from labkit.session.observe.observer import Probed
from labkit.session.observe.snapshot import Snapshot
from labkit.tasks import METHODS, Method, SolvedFamily

STRIDES = (4, 2, 1)
"""From a coarse grid to the whole one."""

DIVERGED_TIMES = 100.0
"""A point has diverged if adaptation multiplies its loss, or θ's own, by more."""

CHUNK = 128
"""Points that are computed side by side."""

ORDERS: tuple[Literal[1, 2], ...] = (2, 1)


@dataclass(frozen=True, slots=True, eq=False)
class FixedPoint:
    """Where a method of training ends, by the closed form of a toy problem.

    Attributes:
        method: "exact", "first order", "Reptile" or "joint".
        position: On the plane, (D,).
        reachable: Whether SGD's meta-steps lead there for some β.
        loss: Measured there, before and after adaptation, (2,).
    """

    method: Method
    position: Tensor
    reachable: bool
    loss: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Landscape:
    """The query loss before and after adaptation on a line (D = 1) or a plane (D = 2) through θ.

    Attributes:
        meta_step: Of θ.
        alpha: The session's α if it is one number; else None.
        inner_steps: K.
        order: That of the session.
        spanned_by: What spans the plane.
        pair: Numbers of the two tasks, where they span it.
        plane: Its origin and directions; θ is at `theta`.
        theta: Coordinates of θ, (D,).
        loss: Before and after adaptation from θ, mean over the tasks, (2,).
        grid: Coordinates along each direction, (points,).
        before: Query loss of each task before adaptation, (points, tasks), or
            (points, points, tasks); the first axis belongs to the first direction.
        after: The same after adaptation.
        path_steps: Meta-steps of θ's history, (steps,).
        path: Coordinates of the nearest points to them, (steps, D).
        path_distances: How far those are, in units of θ, (steps,).
        path_losses: Loss before and after adaptation at those points of the plane, (steps, 2).
        shares: Of the variance of θ's path, along each direction; () for a path of one point.
        adaptation: Coordinates of θ_0 … θ_K of each task, (tasks, K + 1, D).
        adaptation_distances: How far those are from the plane, (tasks, K + 1).
        adaptation_losses: On a line, each task's query loss there, (tasks, K + 1); else None.
        descent: Order → −(meta-gradient of MAML) projected on the plane, (D,).
        fixed_points: Of a toy problem.
        theory: Of a toy problem: expected query loss after adaptation, mean over its tasks, on
            every `theory_stride`-th grid point; else None.
        theory_stride: 1 on a line, 2 on a plane.
        stride: Of the whole grid, `before` and `after` have every so many points.
        problems: What could not be measured, a sentence each.
    """

    meta_step: int
    alpha: float | None
    inner_steps: int
    order: int
    spanned_by: PlaneName
    pair: tuple[int, int]
    plane: Plane
    theta: Tensor
    loss: Tensor
    grid: tuple[Tensor, ...]
    before: Tensor
    after: Tensor
    path_steps: tuple[int, ...]
    path: Tensor
    path_distances: Tensor
    path_losses: Tensor
    shares: tuple[float, ...]
    adaptation: Tensor
    adaptation_distances: Tensor
    adaptation_losses: Tensor | None
    descent: Mapping[int, Tensor]
    fixed_points: tuple[FixedPoint, ...]
    theory: Tensor | None
    theory_stride: int
    stride: int
    problems: tuple[str, ...] = ()

    @property
    def positions(self) -> Tensor:
        """Coordinates of all points of the whole grid, (points, D) or (points², D)."""
        return torch.cartesian_prod(*self.grid).reshape(-1, len(self.grid))

    @property
    def diverged(self) -> Tensor:
        """Where adaptation leads out of all bounds, like `after` without tasks."""
        before, after = self.before.mean(-1), self.after.mean(-1)
        bound = DIVERGED_TIMES * torch.maximum(before.abs(), self.loss[0].abs())
        return ~(after.isfinite() & before.isfinite() & (after.abs() <= bound))

    def filled(self, before: Tensor, after: Tensor, stride: int) -> "Landscape":
        """The same with losses at every `stride`-th point of the grid, (points, tasks) each."""
        grid = tuple(axis[::stride] for axis in self.grid)
        shape = (*map(len, grid), -1)
        return replace(
            self, before=before.reshape(shape), after=after.reshape(shape), stride=stride
        )


def measure_landscape(snapshot: Snapshot, choice: PlaneChoice | None = None) -> Landscape:
    """Measure the meta-loss on a plane through a session's θ, all of it now.

    F(φ) = (1/n) Σ_i L_query,i(φ'_i) and the same without adaptation, on the first held-out tasks
    of the session's curves.

    Args:
        snapshot: Of the session.
        choice: Which plane; None: that of θ's history.

    Raises:
        ValueError: The plane cannot be spanned, or θ is not finite.

    Example:
        >>> from labkit.session import Session, Settings
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> session = Session(Settings(meta_batch=2), model=sinusoid_mlp, tasks=Sinusoid)
        >>> choice = PlaneChoice("tasks", points=9, tasks=2)
        >>> landscape = measure_landscape(session.snapshot(), choice)
        >>> landscape.after.shape, landscape.spanned_by
        (torch.Size([9, 9, 2]), 'tasks')
    """
    choice = choice or PlaneChoice()

    def measure(probed: Probed) -> Landscape:
        landscape = frame_landscape(probed, snapshot, choice)
        return landscape.filled(*losses_on(probed, landscape, landscape.positions), 1)

    return snapshot.observer.probe(snapshot, choice.tasks, measure)


def losses_on(probed: Probed, landscape: Landscape, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Each task's loss before and after adaptation at points of the plane, (points, tasks)."""
    algorithm, batch = probed.learner.algorithm, probed.batch
    return plane_losses(
        algorithm,
        probed.loss_fn,
        landscape.plane,
        positions,
        batch.support,
        batch.query,
        chunk_size=CHUNK,
    )


def frame_landscape(probed: Probed, snapshot: Snapshot, choice: PlaneChoice) -> Landscape:
    """A landscape with all but its losses on the grid.

    Raises:
        ValueError: As for `measure_landscape`.
    """
    params = probed.params
    if not all(p.isfinite().all() for p in params.values()):
        raise ValueError(
            "θ has numbers that are not finite: go back to an earlier meta-step, with a smaller α "
            "or β"
        )
    elements = sum(p.numel() for p in params.values())
    spanned_by: PlaneName = "parameters" if elements <= 2 else choice.plane
    plane = Plane.through(*span_plane(spanned_by, probed, snapshot, choice))
    theta = plane.project([params])[0][0]
    history = [p for _, p in snapshot.path]
    path, path_distances = plane.project(history)
    algorithm, batch, settings = probed.learner.algorithm, probed.batch, snapshot.settings
    adaptation, adaptation_distances = adaptation_paths(
        algorithm, probed.loss_fn, params, plane, batch.support
    )
    problems: list[str] = []
    points = _fixed_points(probed, snapshot, problems)
    wide = choice.plane in ("random", "directions") and spanned_by != "parameters"
    size = 4 * choice.points - 3 if len(plane.basis) == 1 else choice.points
    ends = [adaptation[task, -1] for task in choice.pair] if spanned_by == "tasks" else []
    grid = plane_grid(
        theta,
        path,
        adaptation,
        torch.stack([*ends, *(p.to(theta) for _, p, _ in points), theta]),
        spanned_by=spanned_by,
        radius=choice.radius or (half_length(params) if wide else None),
        points=size,
    )
    empty = torch.empty(0)
    landscape = Landscape(
        meta_step=snapshot.meta_step,
        alpha=float(snapshot.alpha) if is_number(snapshot.alpha) else None,
        inner_steps=settings.inner_steps,
        order=settings.order,
        spanned_by=spanned_by,
        pair=choice.pair,
        plane=plane,
        theta=theta,
        loss=empty,
        grid=grid,
        before=empty,
        after=empty,
        path_steps=tuple(step for step, _ in snapshot.path),
        path=path,
        path_distances=path_distances,
        path_losses=empty,
        shares=variance_shares(history, plane),
        adaptation=adaptation,
        adaptation_distances=adaptation_distances,
        adaptation_losses=None,
        descent=_descent(probed, snapshot, plane, problems),
        fixed_points=(),
        theory=None,
        theory_stride=1 if len(grid) == 1 else 2,
        stride=1,
    )
    spots = [theta[None], path, *(p.to(theta)[None] for _, p, _ in points)]
    before, after = losses_on(probed, landscape, torch.cat(spots))
    both = torch.stack([before.mean(1), after.mean(1)], 1)
    marks = both[1 + len(path) :]
    on_line = None
    if len(grid) == 1:
        each = losses_on(probed, landscape, adaptation.flatten(0, 1))[0]
        tasks = torch.arange(each.shape[1])
        on_line = each.reshape(*adaptation.shape[:2], -1)[tasks, :, tasks]
    return replace(
        landscape,
        loss=both[0],
        path_losses=both[1 : 1 + len(path)],
        adaptation_losses=on_line,
        fixed_points=tuple(
            FixedPoint(method, position, reachable, loss)
            for (method, position, reachable), loss in zip(points, marks, strict=True)
        ),
        theory=_theory(probed, snapshot, landscape, problems),
        problems=tuple(problems),
    )


def _descent(
    probed: Probed, snapshot: Snapshot, plane: Plane, problems: list[str]
) -> dict[int, Tensor]:
    """The projections of −(meta-gradient) by order."""
    by_order = {}
    for order in ORDERS:
        algorithm = MAML(snapshot.alpha, snapshot.settings.inner_steps, order)
        data = probed.loss_fn, probed.params, probed.batch.support, probed.batch.query
        try:
            gradients = task_gradients(algorithm, *data)
        except Exception as error:  # noqa: BLE001  # a person's model may raise anything
            problems.append(
                f"The meta-gradient of order {order} cannot be measured: "
                f"{type(error).__name__}: {error}"
            )
            continue
        ahead = {name: p - gradients[name].mean(0) for name, p in probed.params.items()}
        here, there = plane.project([probed.params, ahead])[0]
        by_order[int(order)] = there - here
    return by_order


def _solved(probed: Probed) -> SolvedFamily | None:
    """The family, if it is a toy problem with its own model."""
    family = probed.family
    return family if isinstance(family, SolvedFamily) and len(probed.params) == 1 else None


def _step_size(snapshot: Snapshot) -> Any:
    """α as closed forms take it."""
    alpha = snapshot.alpha
    return next(iter(alpha.values())) if isinstance(alpha, Mapping) and alpha else alpha


def _fixed_points(
    probed: Probed, snapshot: Snapshot, problems: list[str]
) -> list[tuple[Method, Tensor, bool]]:
    family, ends = _solved(probed), []
    for method in METHODS if family is not None else ():
        options: Any = {"alpha": _step_size(snapshot), "inner_steps": snapshot.settings.inner_steps}
        try:
            end = family.fixed_point(method, **options)  # type: ignore[union-attr]
            reachable = family.largest_beta(method, **options) > 0  # type: ignore[union-attr]
        except ValueError as error:
            problems.append(f"No fixed point of {method}: {error}")
            continue
        ends.append((method, end, reachable))
    return ends


def _theory(
    probed: Probed, snapshot: Snapshot, landscape: Landscape, problems: list[str]
) -> Tensor | None:
    family = _solved(probed)
    if family is None:
        return None
    index = probed.batch.info["task"].cpu()
    axes = [axis[:: landscape.theory_stride] for axis in landscape.grid]
    points = torch.cartesian_prod(*axes).reshape(-1, len(axes))
    options: Any = {"alpha": _step_size(snapshot), "inner_steps": snapshot.settings.inner_steps}
    try:
        losses = [family.loss_after(point, **options)[index].mean() for point in points]
    except ValueError as error:
        problems.append(f"The theory cannot be drawn: {error}")
        return None
    return torch.stack(losses).reshape([len(axis) for axis in axes])
