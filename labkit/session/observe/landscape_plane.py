"""Which plane through θ a landscape is of: what spans it, and how far it goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

import torch
from torch import Tensor

from labkit.core import (
    Params,
    Plane,
    check_count,
    count_tasks,
    is_number,
    principal_directions,
    random_directions,
    tree_map,
)
from labkit.session.observe.observer import Probed
from labkit.session.observe.snapshot import Snapshot
from labkit.training import stream

PlaneName: TypeAlias = Literal["path", "tasks", "random", "directions", "parameters"]
"""What spans a plane."""

CHOICES: Mapping[PlaneName, str] = {
    "path": "θ's path",
    "tasks": "two tasks",
    "random": "random",
    "directions": "given in code",
    "parameters": "all of θ",
}
"""What each is called."""

MARGIN = 0.3
"""Room around what lies on the plane, as a share of its extent."""

FARTHEST = 3.0
"""A task's path that is so many times longer than the median one may leave the plane."""

FAR = 10.0
"""A fixed point, or θ of long ago, that is so many times the longest adaptation away may too."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class PlaneChoice:
    """Which plane through θ is to be measured, and how finely.

    With one parameter it is the line, and with two the plane, of all values of θ.

    Args:
        plane: "path": the principal directions of θ's history; "tasks": through two tasks'
            adapted parameters; "random": two random directions; "directions": those given.
        pair: Numbers of the two tasks, from 0.
        directions: One or two of the form of θ, for "directions".
        radius: Half the width of the plane, in units of θ; None: as wide as what lies on it, or
            half the length of θ for "random" and "directions".
        points: Grid points along each direction, 4n + 1 ≥ 9; of a line, four times as many.
        tasks: Held-out tasks to measure on, ≥ 1.

    Raises:
        ValueError: An argument is out of its range.

    Example:
        >>> PlaneChoice("tasks", pair=(0, 3)).points
        41
    """

    plane: PlaneName = "path"
    pair: tuple[int, int] = (0, 1)
    directions: Sequence[Params] = ()
    radius: float | None = None
    points: int = 41
    tasks: int = 10

    def __post_init__(self) -> None:
        names = [name for name in CHOICES if name != "parameters"]
        if self.plane not in names:
            raise ValueError(f"plane must be one of {', '.join(names)}, got {self.plane!r}")
        for name, value, least in (("points", self.points, 9), ("tasks", self.tasks, 1)):
            check_count(name, value, least)
        if self.points % 4 != 1:
            raise ValueError(f"points must be 4n + 1, such as 41, got {self.points}")
        if self.radius is not None and not (is_number(self.radius) and 0 < self.radius < 1e300):
            raise ValueError(f"radius must be a finite number > 0 or None, got {self.radius!r}")
        if len(set(self.pair)) != 2:
            raise ValueError(f"pair must be the numbers of two tasks, got {self.pair!r}")


def span_plane(
    name: PlaneName, probed: Probed, snapshot: Snapshot, choice: PlaneChoice
) -> tuple[Params, Sequence[Params]]:
    """An origin and directions from it."""
    params = probed.params
    if name == "parameters":
        return _parameters(params, choice)
    if name == "path":
        try:
            return params, principal_directions([p for _, p in snapshot.path], 2)[0]
        except ValueError as error:
            raise ValueError(
                f"θ's path is too short for its principal directions: {len(snapshot.path)} θ up to "
                f"meta-step {snapshot.meta_step:,}. Train on, or choose another plane"
            ) from error
    if name == "tasks":
        return params, _to_adapted(probed, choice.pair)
    if name == "random":
        generator = stream(probed.learner.seed, "directions of the landscape")
        return params, random_directions(params, 2, generator)
    if not choice.directions:
        raise ValueError("no directions are given: set `directions` in code, one or two like θ")
    return params, choice.directions


def _parameters(params: Params, choice: PlaneChoice) -> tuple[Params, list[Params]]:
    """θ = 0, and its one or two elements."""
    elements = sum(p.numel() for p in params.values())
    if choice.plane == "directions" and len(choice.directions) > elements:
        raise ValueError("a plane takes two parameters or more, and θ has one: give one direction")
    zero = {name: torch.zeros_like(p) for name, p in params.items()}
    sizes = [p.numel() for p in params.values()]
    units = [
        {
            name: part.reshape(p.shape).to(p)
            for (name, p), part in zip(params.items(), unit.split(sizes), strict=True)
        }
        for unit in torch.eye(elements)
    ]
    return zero, units


def _to_adapted(probed: Probed, pair: tuple[int, int]) -> list[Params]:
    """From θ to the adapted parameters of two tasks."""
    tasks = count_tasks(probed.batch.support, probed.batch.query)
    if not all(0 <= task < tasks for task in pair):
        raise ValueError(f"pair must be two of the tasks 0 to {tasks - 1}, got {pair}")
    directions = []
    for task in pair:
        support = tree_map(lambda tensor, i=task: tensor[i], probed.batch.support)
        adapted = probed.learner.algorithm.adapt(probed.loss_fn, probed.params, support).params
        directions.append({name: adapted[name] - p for name, p in probed.params.items()})
    return directions


def plane_grid(
    theta: Tensor,
    path: Tensor,
    adaptation: Tensor,
    marks: Tensor,
    *,
    spanned_by: PlaneName,
    radius: float | None,
    points: int,
) -> tuple[Tensor, ...]:
    """Along each direction evenly spaced coordinates, around what is to be seen.

    Args:
        theta: (D,).
        path: Of θ's history, (steps, D).
        adaptation: Of the tasks, (tasks, K + 1, D).
        marks: Further points, (marks, D).
        spanned_by: What is to be seen: of θ's path all of it, whatever adaptation does.
        radius: Half the width around θ; None: as wide as what is to be seen.
        points: Along each direction.
    """
    if radius is None:
        around = torch.cat([path if spanned_by == "parameters" else theta[None], marks])
        seen = path if spanned_by == "path" else _seen(theta, around, adaptation)
        low, high = seen.amin(0), seen.amax(0)
        # neither direction is drawn as a needle
        extent = (high - low).maximum((high - low).max() / 4)
        extent = torch.where(extent > 0, extent, 1.0)
        middle = (low + high) / 2
        low, high = middle - (0.5 + MARGIN) * extent, middle + (0.5 + MARGIN) * extent
    else:
        low, high = theta - radius, theta + radius
    return tuple(
        torch.linspace(float(a), float(b), points, dtype=theta.dtype, device=theta.device)
        for a, b in zip(low, high, strict=True)
    )


def _seen(theta: Tensor, around: Tensor, adaptation: Tensor) -> Tensor:
    """What a plane has to show, (points, D): nothing that leaves all bounds."""
    adapted = torch.where(adaptation.isfinite(), adaptation, theta)
    farthest = (adapted - theta).abs().amax(1)  # (tasks, D)
    reach = (FARTHEST * farthest.median(0).values).minimum(farthest.amax(0))
    near = around[((around - theta).abs() <= FAR * farthest.amax()).all(1)]
    around = torch.cat([theta[None], near])
    extent = (around.amax(0) - around.amin(0)).max()
    if extent > 0:
        reach = reach.clamp(max=float(extent))
    steps = adapted.flatten(0, 1).clamp(theta - reach, theta + reach)
    return torch.cat([around, steps])


def half_length(params: Params) -> float:
    """Half of ‖θ‖; 1 where θ is 0."""
    return float(sum(p.square().sum() for p in params.values())) ** 0.5 / 2 or 1.0


def variance_shares(history: Sequence[Params], plane: Plane) -> tuple[float, ...]:
    """Of the variance of a path, along each direction of a plane; () if it has none."""
    coordinates, distances = plane.project(history)
    on_plane = coordinates - coordinates.mean(0)
    rows = torch.stack([torch.cat([p.flatten() for p in params.values()]) for params in history])
    total = (rows - rows.mean(0)).to(torch.float64).square().sum()
    if len(distances) < 2 or not total > 0:
        return ()
    return tuple((on_plane.to(torch.float64).square().sum(0) / total).tolist())
