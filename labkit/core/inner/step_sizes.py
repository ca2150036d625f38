"""The inner step size α in its forms: one number, per tensor, per element, each also per step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias, final, get_args

import torch
from torch import Tensor

from labkit.core.checks import check_positive, is_number
from labkit.core.types import Alpha, Params, StepSize

StepTensors: TypeAlias = Tensor | dict[str, Tensor]
AlphaTensors: TypeAlias = StepTensors | list[StepTensors]
Granularity: TypeAlias = Literal["scalar", "tensor", "element"]


@final
@dataclass(frozen=True, slots=True)
class LearnedAlpha:
    """An inner step size α that is meta-learned together with θ.

    α ← α − β_α ∂/∂α Σ_i L_query,i(θ'_i); with `positive` the same for log α, which keeps
    α above 0.

    Args:
        initial: α before training, > 0 if `positive`, else finite.
        granularity: "scalar": one α for all; "tensor": one per parameter tensor; "element": one
            per element of each tensor.
        per_step: Each inner step has its own.
        beta: β_α > 0, the meta step size of α (of log α if `positive`).
        positive: Keep α above 0 by learning log α.

    Raises:
        ValueError: A value is out of its range.

    Source:
        per element: Li et al. 2017, arXiv:1707.09835, Algorithm 1; per tensor and step: Antoniou,
        Edwards, Storkey 2019, arXiv:1810.09502, §4 (LSLR).

    Example:
        >>> alpha = LearnedAlpha(0.5, granularity="tensor", per_step=True)
        >>> alpha.tensors({"w": torch.zeros(2)}, inner_steps=2)
        [{'w': tensor(0.5000)}, {'w': tensor(0.5000)}]
    """

    initial: float = 0.01
    granularity: Granularity = "scalar"
    per_step: bool = False
    beta: float = 1e-3
    positive: bool = True

    def __post_init__(self) -> None:
        if self.granularity not in get_args(Granularity):
            raise ValueError(
                f"granularity must be one of {', '.join(get_args(Granularity))}, "
                f"got {self.granularity!r}"
            )
        check_positive("beta of a learned alpha", self.beta)
        if self.positive:
            check_positive("initial of a learned alpha that is kept positive", self.initial)
        _leaf(self.initial, torch.empty(0), "a learned alpha")

    def tensors(self, params: Params, inner_steps: int) -> AlphaTensors:
        """α before training, in the structure that `adapt` takes."""
        steps = [self._one(params) for _ in range(inner_steps if self.per_step else 1)]
        return steps if self.per_step else steps[0]

    def _one(self, params: Params) -> StepTensors:
        if self.granularity == "scalar":
            return _leaf(self.initial, _reference(params), "all parameters")
        element = self.granularity == "element"
        return {
            name: torch.full(
                p.shape if element else (), self.initial, dtype=p.real.dtype, device=p.device
            )
            for name, p in params.items()
        }


AnyAlpha: TypeAlias = Alpha | LearnedAlpha
"""α of an algorithm: fixed, or meta-learned."""


def steps_of(alpha: AnyAlpha) -> list[StepSize] | None:
    """The step sizes of a sequence with one per inner step; None if `alpha` is one for all."""
    return list(alpha) if isinstance(alpha, Sequence) and not isinstance(alpha, str) else None


def alpha_tensors(alpha: AnyAlpha, params: Params, inner_steps: int) -> AlphaTensors:
    """Check `alpha` against `params` and turn its numbers into tensors, keeping its structure.

    Args:
        alpha: A number, a 0-d tensor, a dict per parameter or pattern of names (0 for parameters
            that it does not name), a sequence of those, or a `LearnedAlpha`, which gives its
            initial value.
        params: The parameters that are adapted, name → tensor.
        inner_steps: K; a sequence must have exactly K entries.

    Returns:
        The same structure with a tensor at every leaf, and an entry for every parameter in a dict.

    Raises:
        ValueError: The structure does not fit `params` or `inner_steps`, or a value is not finite.

    Example:
        >>> theta = {"w": torch.zeros(2)}
        >>> alpha_tensors([0.5, {"w": 0.25}], theta, inner_steps=2)
        [tensor(0.5000), {'w': tensor(0.2500)}]
    """
    if isinstance(alpha, LearnedAlpha):
        return alpha.tensors(params, inner_steps)
    steps = steps_of(alpha)
    if steps is not None:
        if len(steps) != inner_steps:
            raise ValueError(
                f"alpha has {len(steps)} entries for inner_steps={inner_steps}: give one step size "
                "per inner step, or a single one for all of them"
            )
        return [_one_step(entry, params) for entry in steps]
    return _one_step(alpha, params)


def check_alpha(alpha: AnyAlpha) -> None:
    """Raise ValueError if a value is no step size; shapes are checked where θ is known."""
    if isinstance(alpha, LearnedAlpha):
        return
    steps = steps_of(alpha)
    for entry in [alpha] if steps is None else steps:
        values = entry.items() if isinstance(entry, Mapping) else [("all parameters", entry)]
        for name, value in values:
            reference = value if isinstance(value, Tensor) else torch.empty(0, dtype=torch.float64)
            _leaf(value, reference, str(name))


def at_inner_step(alpha: AlphaTensors, step: int) -> StepTensors:
    """α of one inner step, from what `alpha_tensors` returned."""
    return alpha[step] if isinstance(alpha, list) else alpha


def testing_alpha(alpha: AnyAlpha, trained_steps: int, inner_steps: int) -> list[StepSize]:
    """α per step when testing with `inner_steps` steps: as trained, then half of the last.

    θ was trained for K steps of size α. More steps of the same size make some sinusoid tasks
    diverge, so later steps are half as long.
    """
    if isinstance(alpha, LearnedAlpha):
        alpha = alpha.initial
    trained = steps_of(alpha)
    if trained is None:
        trained = [alpha] * max(trained_steps, 1)  # type: ignore[list-item]
    if not trained and inner_steps:
        raise ValueError(
            f"alpha has no entry, so there is no step size to test {inner_steps} inner steps "
            "with: give a single alpha, or one per step"
        )
    return (trained + [_half(step) for step in trained[-1:]] * inner_steps)[:inner_steps]


def _half(alpha: StepSize) -> StepSize:
    if isinstance(alpha, Mapping):
        return {name: value / 2 for name, value in alpha.items()}
    return alpha / 2


def _one_step(alpha: object, params: Params) -> StepTensors:
    if isinstance(alpha, Mapping):
        entries = _entries(alpha, params)
        return {name: _leaf(entries.get(name, 0.0), p, name) for name, p in params.items()}
    value = _leaf(alpha, _reference(params), "all parameters")
    if value.ndim:
        raise ValueError(
            f"alpha for all parameters must be a number or a 0-d tensor, got shape "
            f"{tuple(value.shape)}: give a dict per parameter, or a list per step"
        )
    return value


def _entries(alpha: Mapping[str, object], params: Params) -> dict[str, object]:
    """The entry of each parameter that a mapping names, by its name or by one pattern."""
    entries: dict[str, object] = {}
    patterns: dict[str, str] = {}
    unknown = []
    for pattern, value in alpha.items():
        matches = [pattern] if pattern in params else [n for n in params if fnmatchcase(n, pattern)]
        if not matches:
            unknown.append(pattern)
        for name in matches:
            if name in alpha and name != pattern:
                continue  # a name counts before a pattern
            if name in entries:
                raise ValueError(
                    f"alpha has two entries for {name}: {patterns[name]!r} and {pattern!r}"
                )
            entries[name], patterns[name] = value, pattern
    if unknown:
        raise ValueError(
            f"alpha must name adapted parameters, or patterns of their names; {unknown} match "
            f"none; the adapted parameters are {sorted(params)}"
        )
    return entries


def _reference(params: Params) -> Tensor:
    return next(iter(params.values()), torch.empty(0))


def _leaf(value: object, param: Tensor, name: str) -> Tensor:
    if isinstance(value, Tensor):
        if not value.is_floating_point():
            raise ValueError(f"alpha for {name} must be floating point, got {value.dtype}")
        if value.ndim and value.shape != param.shape:
            raise ValueError(
                f"alpha for {name} has shape {tuple(value.shape)}: expected 0-d or the "
                f"parameter's shape {tuple(param.shape)}"
            )
        return value
    if isinstance(value, LearnedAlpha):
        raise ValueError(
            f"alpha for {name} is a LearnedAlpha in a dict: to learn alpha for some parameters and "
            "leave the others where they are, take MAML(alpha=LearnedAlpha(...), freeze=[...])"
        )
    if not is_number(value):
        raise ValueError(f"alpha for {name} must be a number or a tensor, got {value!r}")
    # made on the CPU, where looking at it does not wait for another device
    tensor = torch.tensor(value, dtype=param.real.dtype)
    if not torch.isfinite(tensor):
        raise ValueError(f"alpha for {name} must be finite, got {value!r}")
    return tensor.to(param.device)
