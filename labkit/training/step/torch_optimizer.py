"""Any optimiser of `torch.optim`, or of a library that extends it, as a rule of a meta-step."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, final

import torch
from torch import Tensor, nn

from labkit.core import Params
from labkit.training.step.layout import Layout, Memory, SeparateLayout, Slot
from labkit.training.step.optimizers import (
    AdamRule,
    FunctionalRule,
    OptimizerRule,
    RMSpropRule,
    SGDRule,
    has_forms,
)

OptimizerFactory: TypeAlias = Callable[..., torch.optim.Optimizer]
"""(list of parameters, lr=β) → an optimiser: a class, a `functools.partial`, any function."""

SPEED_ONLY = ("foreach", "fused", "capturable", "differentiable")
"""Options that do not change what an optimiser computes."""

TRIAL_BETA = 1e-3
"""In place of β = 0, which some optimisers do not take."""


@final
class TorchRule(OptimizerRule):
    """An optimiser that torch runs itself, outside of a recording.

    Its state is held in slots between meta-steps, so resuming, undoing and diverging work as for
    the other rules: each step gives it copies of values and state, and takes both back.

    Args:
        factory: Makes the optimiser.
        params: θ, to try it on.
        beta: β, to try it with.
        decay: Keep its weight decay.

    Raises:
        ValueError: The factory fails, or gives what cannot train θ step by step.
    """

    recordable = False

    def __init__(
        self, factory: OptimizerFactory, params: Params, beta: float, *, decay: bool = True
    ) -> None:
        self._factory, self._beta, self._decay = factory, beta or TRIAL_BETA, decay
        self._like = params
        self._kinds: dict[str, type] = {}
        """Of the entries of its state that are numbers of Python."""
        self._last: tuple[object, list[nn.Parameter], torch.optim.Optimizer] | None = None
        self.functional: FunctionalRule | None = None
        """The rule that computes the same and can be recorded, if there is one."""
        self._label = self._try(SeparateLayout(params).flat(params))

    @property
    def label(self) -> str:
        """Its class and options."""
        return self._label

    def layout(self, params: Params) -> Layout:
        """Each tensor by itself: some optimisers look at shapes."""
        return SeparateLayout(params)

    def memories(self, values: Sequence[Tensor]) -> list[Memory]:
        """What torch's optimiser remembers after a step without a gradient."""
        slots, zeros = [Slot(each, {}) for each in values], [torch.zeros_like(v) for v in values]
        beta = torch.tensor(self._beta, dtype=torch.float64)
        return [slot.memory for slot in self.update(slots, zeros, beta)]

    def fits(self, memory: Memory, like: Memory) -> bool:
        """The same, but some optimisers remember more from a later step on."""
        return not memory or (memory.keys() >= like.keys() and has_forms(memory, like))

    def resume(self, value: Tensor, memory: Memory) -> Slot:
        """Pair a tensor with what was saved; nothing before the first step."""
        # counters stay on the CPU, where torch has them
        return Slot(
            value,
            {k: t.to(value.device if t.ndim else t.device, copy=True) for k, t in memory.items()},
        )

    def step_size(self, beta: float, value: Tensor) -> Tensor:  # noqa: ARG002
        """β exactly, where reading it does not wait for another device."""
        return torch.tensor(beta, dtype=torch.float64)

    def without_decay(self) -> "TorchRule":
        """The same with `weight_decay=0` in all its groups."""
        return TorchRule(self._factory, self._like, self._beta, decay=False)

    def update(
        self, slots: Sequence[Slot], gradients: Sequence[Tensor], beta: Tensor
    ) -> list[Slot]:
        """Let torch take a step on copies."""
        fresh = not all(slot.memory for slot in slots)
        parameters, optimizer = self._optimizer([slot.value for slot in slots], fresh=fresh)
        for parameter, slot, gradient in zip(parameters, slots, gradients, strict=True):
            parameter.data = slot.value.clone()
            parameter.grad = gradient.clone()
            if slot.memory:
                optimizer.state[parameter] = self._native(slot.memory)
        for group in optimizer.param_groups:
            group["lr"] = group["share_of_beta"] * float(beta)
        with torch.enable_grad():
            optimizer.step()
        return [
            Slot(parameter.detach(), self._memory(optimizer.state.get(parameter, {})))
            for parameter in parameters
        ]

    def _optimizer(
        self, values: list[Tensor], *, fresh: bool
    ) -> tuple[list[nn.Parameter], torch.optim.Optimizer]:
        """The optimiser of tensors like these, new or as it was used last."""
        key = [(value.shape, value.dtype, value.device) for value in values]
        if fresh or self._last is None or self._last[0] != key:
            parameters = [nn.Parameter(value.detach().clone()) for value in values]
            self._last = key, parameters, self._new(parameters)
        return self._last[1:]

    def _new(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        try:
            optimizer = self._factory(parameters, lr=self._beta)
        except Exception as error:  # a factory may raise anything
            raise ValueError(
                "meta_optimizer must be a function of a list of parameters and lr, such as "
                f"torch.optim.AdamW or functools.partial(torch.optim.SGD, momentum=0.9); "
                f"{_name(self._factory)}(parameters, lr={self._beta}) raised "
                f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise ValueError(
                "meta_optimizer must make a torch.optim.Optimizer, "
                f"{_name(self._factory)} made {optimizer!r}"
            )
        for group in optimizer.param_groups:
            group["share_of_beta"] = float(group["lr"]) / self._beta
            if not self._decay and "weight_decay" in group:
                group["weight_decay"] = 0.0
        return optimizer

    def _try(self, values: list[Tensor]) -> str:
        """Take a step from θ without a gradient; describe the optimiser."""
        parameters, optimizer = self._optimizer(values, fresh=True)
        name = type(optimizer).__qualname__
        closure = inspect.signature(optimizer.step).parameters.get("closure")
        if closure is None or closure.default is inspect.Parameter.empty:
            raise ValueError(
                f"{name} computes the loss several times in a step, and a meta-step computes it "
                "once: take another meta_optimizer"
            )
        self.functional = _functional(optimizer, parameters)
        before = [_options(group) for group in optimizer.param_groups]
        zeros = [torch.zeros_like(value) for value in values]
        slots = [Slot(value, {}) for value in values]
        try:
            self.update(slots, zeros, torch.tensor(self._beta, dtype=torch.float64))
        except Exception as error:
            raise ValueError(
                f"{name} cannot be the meta_optimizer of these parameters: {error}"
            ) from error
        assert self._last is not None  # noqa: S101  # for the type checker
        if before != (after := [_options(group) for group in self._last[2].param_groups]):
            raise ValueError(
                f"{name} keeps state in its param_groups ({before} became {after}), which a "
                "checkpoint of labkit does not hold: take another meta_optimizer"
            )
        groups = [
            f"{options} on {len(group['params'])} tensor(s)"
            for options, group in zip(after, optimizer.param_groups, strict=True)
        ]
        return f"{type(optimizer).__module__}.{name}({'; '.join(groups)})"

    def _native(self, memory: Memory) -> dict[str, Any]:
        return {
            key: self._kinds[key](tensor.item()) if key in self._kinds else tensor.clone()
            for key, tensor in memory.items()
        }

    def _memory(self, state: dict[str, Any]) -> Memory:
        memory: Memory = {}
        for key, value in state.items():
            if isinstance(value, Tensor):
                memory[key] = value
            elif isinstance(value, bool | int | float):
                self._kinds[key] = type(value)
                memory[key] = torch.tensor(
                    value, dtype=torch.float64 if isinstance(value, float) else torch.int64
                )
            elif value is not None:
                raise ValueError(f"its state {key!r} is no tensor or number but {value!r}")
        return memory


def _functional(
    optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter]
) -> FunctionalRule | None:
    """The rule that computes the same, for one group of SGD, Adam, AdamW or RMSprop."""
    group = optimizer.param_groups[0]
    whole = len(optimizer.param_groups) == 1 and len(group["params"]) == len(parameters)
    options = [v for value in _options(group).values() for v in _flat(value)]
    plain = all(isinstance(value, int | float) for value in options)
    if not (whole and plain) or group["share_of_beta"] != 1 or group.get("maximize"):
        return None
    decay = group.get("weight_decay", 0.0)
    if type(optimizer) is torch.optim.SGD and not group["dampening"]:
        return SGDRule(group["momentum"], group["nesterov"], decay)
    if type(optimizer) in (torch.optim.Adam, torch.optim.AdamW):
        beta1, beta2 = group["betas"]
        decoupled = group["decoupled_weight_decay"]
        return AdamRule(beta1, beta2, group["eps"], decay, decoupled, group["amsgrad"])
    if type(optimizer) is torch.optim.RMSprop:
        return RMSpropRule(
            group["alpha"], group["eps"], decay, group["momentum"], group["centered"]
        )
    return None


def _options(group: dict[str, Any]) -> dict[str, Any]:
    """What a group computes with, apart from β."""
    apart = {"params", "lr", "param_names", *SPEED_ONLY}
    return {key: value for key, value in group.items() if key not in apart}


def _flat(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


def _name(factory: object) -> str:
    return getattr(factory, "__qualname__", None) or repr(factory)
