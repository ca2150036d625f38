"""SGD, Adam, AdamW and RMSprop as functions of tensors, which a recording can hold."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self, final

import torch
from torch import Tensor

from labkit.core import Params
from labkit.training.step.layout import COUNTER, FlatLayout, Layout, Memory, Slot


class OptimizerRule(ABC):
    """How an optimiser turns gradients into new values, without writing to any tensor."""

    __slots__ = ()

    recordable: bool = True
    """Whether its operations are the same whatever the numbers are."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What a checkpoint must have in common with this optimiser, in words."""

    @abstractmethod
    def update(
        self, slots: Sequence[Slot], gradients: Sequence[Tensor], beta: Tensor
    ) -> list[Slot]:
        """Take one step.

        Args:
            slots: Values and memory before the step.
            gradients: Real, like the values.
            beta: From `step_size`.

        Returns:
            Values and memory after the step.
        """

    @abstractmethod
    def without_decay(self) -> "OptimizerRule":
        """The same without weight decay, which would pull a learned α toward 0, or log α."""

    def layout(self, params: Params) -> Layout:
        """How θ lies in the tensors that this optimiser updates."""
        return FlatLayout(params)

    def start(self, value: Tensor) -> Slot:
        """Pair a tensor with the memory that this optimiser starts with."""
        return Slot(value, {})

    def memories(self, values: Sequence[Tensor]) -> list[Memory]:
        """What it remembers of such tensors after a step, with the shapes that it must have."""
        return [self.start(value).memory for value in values]

    def fits(self, memory: Memory, like: Memory) -> bool:
        """Whether saved memory has names, shapes and kinds of numbers with which to continue.

        Args:
            memory: Of one tensor; empty before the first step.
            like: From `memories`.
        """
        return memory.keys() <= like.keys() and has_forms(memory, like)

    def resume(self, value: Tensor, memory: Memory) -> Slot:
        """Pair a tensor with saved memory; what is not there is as at the start."""
        fresh = self.start(value).memory
        return Slot(value, {k: memory.get(k, t).to(t, copy=True) for k, t in fresh.items()})

    def step_size(self, beta: float, value: Tensor) -> Tensor:
        """β for `update` of this tensor, 0-d: an input, so a new β compiles nothing."""
        return torch.tensor(beta, dtype=exact(value.dtype), device=value.device)


class FunctionalRule(OptimizerRule):
    """An optimiser that treats every entry of a tensor by itself, as a frozen dataclass."""

    __slots__ = ()

    @abstractmethod
    def step(self, slot: Slot, gradient: Tensor, beta: Tensor) -> Slot:
        """Value and memory of one slot after a step."""

    @property
    def label(self) -> str:
        """Its name, with the values that are not torch's defaults."""
        name, default = next((n, d) for n, d in NAMED.items() if self._is_like(d))
        values, usual = asdict(self), asdict(default)  # type: ignore[call-overload]
        changes = [f"{k}={v!r}" for k, v in values.items() if v != usual[k]]
        return f"{name}({', '.join(changes)})" if changes else name

    def update(
        self, slots: Sequence[Slot], gradients: Sequence[Tensor], beta: Tensor
    ) -> list[Slot]:
        """One step of every slot."""
        return [self.step(s, g, beta) for s, g in zip(slots, gradients, strict=True)]

    def _is_like(self, other: "FunctionalRule") -> bool:
        return type(self) is type(other)


@final
@dataclass(frozen=True, slots=True)
class SGDRule(FunctionalRule):
    """v = μv + g, x − βv; with Nesterov's momentum x − β(g + μv). Weight decay λ: g + λx for g.

    Source:
        As in `torch.optim.SGD`: Sutskever, Martens, Dahl, Hinton 2013, ICML 28(3), §2.

    Example:
        With a gradient that is always 1, v is 1 and then 1.5.

        >>> rule, one = SGDRule(momentum=0.5), torch.tensor(1.0)
        >>> first = rule.step(rule.start(torch.tensor(0.0)), one, torch.tensor(1.0))
        >>> rule.step(first, one, torch.tensor(1.0)).value
        tensor(-2.5000)
    """

    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def start(self, value: Tensor) -> Slot:
        """V = 0, which torch leaves out until the first step."""
        return Slot(value, {"momentum_buffer": torch.zeros_like(value)} if self.momentum else {})

    def step(self, slot: Slot, gradient: Tensor, beta: Tensor) -> Slot:
        """Value and memory of one slot after a step."""
        if self.weight_decay:
            gradient = gradient + self.weight_decay * slot.value
        if not self.momentum:
            return Slot(slot.value - beta * gradient, {})
        velocity = self.momentum * slot.memory["momentum_buffer"] + gradient
        direction = gradient + self.momentum * velocity if self.nesterov else velocity
        return Slot(slot.value - beta * direction, {"momentum_buffer": velocity})

    def without_decay(self) -> Self:
        """The same with λ = 0."""
        return type(self)(self.momentum, self.nesterov)


@final
@dataclass(frozen=True, slots=True)
class AdamRule(FunctionalRule):
    """At step t: m = β₁m + (1 − β₁)g, v = β₂v + (1 − β₂)g², x − β m̂ / (√v̂ + ε).

    m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ); with `amsgrad` the largest v so far. Weight decay λ:
    g + λx for g, or, if it is decoupled (AdamW), (1 − βλ)x for x.

    Source:
        Kingma, Ba 2015, arXiv:1412.6980, Algorithm 1; AMSGrad: Reddi, Kale, Kumar 2018,
        arXiv:1904.09237, Algorithm 2; AdamW: Loshchilov, Hutter 2019, arXiv:1711.05101,
        Algorithm 2.

    Example:
        The first step of Adam has length β, whatever the gradient.

        >>> rule, x = AdamRule(), torch.tensor([1.0, 1.0])
        >>> rule.step(rule.start(x), torch.tensor([3.0, -0.01]), torch.tensor(0.5)).value
        tensor([0.5000, 1.5000])
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    decoupled: bool = False
    amsgrad: bool = False

    def start(self, value: Tensor) -> Slot:
        """No step taken, m = v = 0."""
        names = ("exp_avg", "exp_avg_sq", *["max_exp_avg_sq"] * self.amsgrad)
        moments = {name: torch.zeros_like(value) for name in names}
        return Slot(value, {"step": torch.zeros((), device=value.device), **moments})

    def step(self, slot: Slot, gradient: Tensor, beta: Tensor) -> Slot:
        """Value and memory of one slot after a step."""
        value = slot.value
        if self.weight_decay and self.decoupled:
            value = value * (1 - beta * self.weight_decay)
        elif self.weight_decay:
            gradient = gradient + self.weight_decay * value
        step = slot.memory["step"] + 1
        mean = slot.memory["exp_avg"].lerp(gradient, 1 - self.beta1)
        kept, new = self.beta2, 1 - self.beta2
        square = slot.memory["exp_avg_sq"] * kept + new * gradient * gradient
        memory = {"step": step, "exp_avg": mean, "exp_avg_sq": square}
        if self.amsgrad:
            square = torch.maximum(slot.memory["max_exp_avg_sq"], square)
            memory["max_exp_avg_sq"] = square
        exact_step = step.to(exact(value.dtype))
        # 1 − bᵗ, which a difference of numbers near 1 would blur
        decays = (self.beta1, self.beta2)
        unbiased, root = (
            -torch.expm1(exact_step * (math.log(d) if d else -math.inf)) for d in decays
        )
        size = beta / unbiased
        value = value - size * mean / (square.sqrt() / root.sqrt() + self.epsilon)
        return Slot(value, memory)

    def without_decay(self) -> Self:
        """The same with λ = 0."""
        return type(self)(self.beta1, self.beta2, self.epsilon, 0.0, self.decoupled, self.amsgrad)

    def _is_like(self, other: FunctionalRule) -> bool:
        return isinstance(other, AdamRule) and other.decoupled == self.decoupled


@final
@dataclass(frozen=True, slots=True)
class RMSpropRule(FunctionalRule):
    """v = ρv + (1 − ρ)g², d = g / (√v + ε), x − βd; with momentum b = μb + d, x − βb.

    With `centered`, √(v − m²) for √v, m = ρm + (1 − ρ)g. Weight decay λ: g + λx for g.

    Source:
        As in `torch.optim.RMSprop`: Tieleman, Hinton 2012; centred: Graves 2013,
        arXiv:1308.0850, eq. 38–45.

    Example:
        The first step has length β/√(1 − ρ).

        >>> rule, x = RMSpropRule(decay=0.75), torch.tensor([0.0, 0.0])
        >>> rule.step(rule.start(x), torch.tensor([3.0, -0.01]), torch.tensor(0.5)).value
        tensor([-1.0000,  1.0000])
    """

    decay: float = 0.99
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    momentum: float = 0.0
    centered: bool = False

    def start(self, value: Tensor) -> Slot:
        """No step taken, all averages 0."""
        names = ["square_avg"]
        names += ["momentum_buffer"] * bool(self.momentum) + ["grad_avg"] * self.centered
        averages = {name: torch.zeros_like(value) for name in names}
        return Slot(value, {"step": torch.zeros((), device=value.device), **averages})

    def step(self, slot: Slot, gradient: Tensor, beta: Tensor) -> Slot:
        """Value and memory of one slot after a step."""
        if self.weight_decay:
            gradient = gradient + self.weight_decay * slot.value
        old = slot.memory
        square = old["square_avg"] * self.decay + (1 - self.decay) * gradient * gradient
        memory = {"step": old["step"] + 1, "square_avg": square}
        variance = square
        if self.centered:
            memory["grad_avg"] = old["grad_avg"].lerp(gradient, 1 - self.decay)
            variance = square - memory["grad_avg"] * memory["grad_avg"]
        direction = gradient / (variance.sqrt() + self.epsilon)
        if self.momentum:
            direction = self.momentum * old["momentum_buffer"] + direction
            memory["momentum_buffer"] = direction
        # in the order of `start`: a recording returns tensors by their position
        memory = {name: memory[name] for name in old}
        return Slot(slot.value - beta * direction, memory)

    def without_decay(self) -> Self:
        """The same with λ = 0."""
        return type(self)(self.decay, self.epsilon, 0.0, self.momentum, self.centered)


NAMED: dict[str, FunctionalRule] = {
    "adam": AdamRule(),
    "sgd": SGDRule(),
    "adamw": AdamRule(weight_decay=0.01, decoupled=True),
    "rmsprop": RMSpropRule(),
}
"""With the defaults of `torch.optim`."""


def has_forms(memory: Memory, like: Memory) -> bool:
    """Whether the tensors of a memory have the shapes and kinds of those of another."""
    shared = [(memory[key], tensor) for key, tensor in like.items() if key in memory]
    count = memory.get(COUNTER, torch.tensor(0.0))
    return all(
        (one.shape, one.is_floating_point()) == (other.shape, other.is_floating_point())
        for one, other in shared
    ) and bool((count.isfinite() & (count >= 0)).all())


def exact(dtype: torch.dtype) -> torch.dtype:
    """The type of numbers that stand for all of a tensor: float32 for half precision too."""
    return torch.float64 if dtype == torch.float64 else torch.float32
