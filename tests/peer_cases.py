"""Settings that the suites of peers try, against plain autograd: python -m tests.peer_cases

What learn2learn, higher, TorchOpt and MAML in JAX let their users set, as this project knows
them: the list is its own, none of their code or cases is here. Each case is given to a
`MetaLearner` for a few meta-steps in float64, and written out once more below with
`torch.autograd.grad` and `torch.optim`. "right": θ, and α where it is learned, are the same to
1e-9. "refused": a ValueError says why. `ABSENT` names what cannot be expressed at all. The last
line counts.
"""

import copy
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn, optim
from torch.func import functional_call

from labkit import (
    ANIL,
    IMAML,
    MAML,
    Adam,
    CosineDecay,
    GradientDescent,
    InnerOptimizer,
    JointTraining,
    LearnedAlpha,
    LoopWarning,
    MetaLearner,
    MetaSGD,
    MiniBatches,
    Momentum,
    ProtoMAML,
    Reptile,
    TaskBatch,
    WarmUp,
)
from tests.sweep import By

META_STEPS, TASKS, POINTS = 3, 3, 4

Verdict = Literal["right", "refused"]
Params = dict[str, Tensor]
Judge = Callable[[Tensor, Tensor], Tensor]

# tasks


@dataclass(frozen=True)
class Data:
    """Points of random functions, for one model and one loss."""

    x: Callable[..., Tensor]
    y: Callable[[tuple[int, ...], torch.Generator], Tensor]
    judge: Judge = F.mse_loss
    sizes: tuple[int, ...] = (POINTS,)

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """As many query points as support points; lists where tasks differ in size."""

        def part() -> Any:
            if len(self.sizes) == 1:
                shape = (tasks, *self.sizes)
                return self.x(shape, generator), self.y(shape, generator)
            counts = [self.sizes[i % len(self.sizes)] for i in range(tasks)]
            return tuple([of((n,), generator) for n in counts] for of in (self.x, self.y))

        return TaskBatch(part(), part())

    def loss(self, predict: Callable[..., Tensor], batch: Any) -> Tensor:
        """Of one task."""
        return self.judge(predict(batch[0]), batch[1])

    def labels(self, batch: Any) -> Tensor:
        """The classes of one task."""
        y: Tensor = batch[1]
        return y


def real(*last: int) -> Callable[[tuple[int, ...], torch.Generator], Tensor]:
    """Normal numbers, (…, *last)."""
    return lambda shape, g: torch.randn(*shape, *last, generator=g, dtype=torch.float64)


def label(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Classes 0 and 1, as many of each, in a random order of the classes."""
    first = torch.randint(2, shape[:-1], generator=generator)
    return (first[..., None] + torch.arange(shape[-1])) % 2


def token(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Whole numbers from 0 to 6, three for each point."""
    return torch.randint(7, (*shape, 3), generator=generator)


def share(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Probabilities of two classes."""
    return real(2)(shape, generator).softmax(-1)


REGRESSION = Data(real(2), real(1))
CLASSES = Data(real(2), label, F.cross_entropy)
IMAGES = Data(real(1, 5, 5), label, F.cross_entropy)
SERIES = Data(real(3, 2), real(1))
TOKENS = Data(token, label, F.cross_entropy)

# models


def mlp(outputs: int = 1) -> nn.Module:
    """2 → 4 → outputs."""
    return nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, outputs))


def deep() -> nn.Module:
    """Three layers."""
    return nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))


def with_norm(norm: Callable[[int], nn.Module]) -> nn.Module:
    """With a normalisation between two layers."""
    return nn.Sequential(nn.Linear(2, 4), norm(4), nn.Tanh(), nn.Linear(4, 1))


def tied() -> nn.Module:
    """Two layers with one weight."""
    one, two = nn.Linear(2, 2), nn.Linear(2, 2)
    two.weight = one.weight
    return nn.Sequential(one, nn.Tanh(), two, nn.Linear(2, 1))


def frozen() -> nn.Module:
    """The first layer never moves."""
    model = mlp()
    for p in list(model.parameters())[:2]:
        p.requires_grad_(False)
    return model


def picked(parts: Any, x: Tensor) -> Tensor:
    """A branch on a value."""
    out: Tensor = parts["f"](x)
    return out if out.sum() > 0 else 2 * out


def recurrent(layer: Callable[..., nn.Module]) -> nn.Module:
    """The last output over time."""
    return By(
        lambda m, x: m["h"](m["r"](x)[0][:, -1]), r=layer(2, 3, batch_first=True), h=nn.Linear(3, 1)
    )


MODELS: dict[str, tuple[Callable[[], nn.Module], Data]] = {
    "linear": (lambda: nn.Linear(2, 1), REGRESSION),
    "linear, no bias": (lambda: nn.Linear(2, 1, bias=False), REGRESSION),
    "mlp": (mlp, REGRESSION),
    "three layers": (deep, REGRESSION),
    "classifier": (lambda: mlp(2), CLASSES),
    "convolution": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(18, 2)),
        IMAGES,
    ),
    "convolution, max pool": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 2), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 2)),
        IMAGES,
    ),
    "batch norm of the batch": (
        lambda: with_norm(lambda n: nn.BatchNorm1d(n, track_running_stats=False)),
        REGRESSION,
    ),
    "layer norm": (lambda: with_norm(nn.LayerNorm), REGRESSION),
    "group norm": (lambda: with_norm(lambda n: nn.GroupNorm(2, n)), REGRESSION),
    "tied weights": (tied, REGRESSION),
    "a frozen layer": (frozen, REGRESSION),
    "embedding": (
        lambda: By(
            lambda m, x: m["h"](m["e"](x).mean(-2)), e=nn.Embedding(7, 3), h=nn.Linear(3, 2)
        ),
        TOKENS,
    ),
    "residual": (
        lambda: By(lambda m, x: m["h"](x + m["f"](x).tanh()), f=nn.Linear(2, 2), h=nn.Linear(2, 1)),
        REGRESSION,
    ),
    "LSTM": (lambda: recurrent(nn.LSTM), SERIES),
    "GRU": (lambda: recurrent(nn.GRU), SERIES),
    "a branch on values": (lambda: By(picked, f=mlp()), REGRESSION),
}

# inner optimisers

Memory = dict[str, Tensor]


class Now(NamedTuple):
    """What a formula reads: gradient, memory, number of the step, parameter; of one tensor."""

    g: Tensor
    m: Memory
    k: int
    p: Tensor


Direction = tuple[Tensor, Memory]
Formula = Callable[[Now], Direction]


def sgd(
    at: Now,
    mu: float = 0,
    damp: float = 0,
    nesterov: bool = False,
    decay: float = 0,
    sign: float = 1,
) -> Direction:
    """As torch.optim.SGD."""
    g = sign * at.g + decay * at.p
    if not mu:
        return g, at.m
    v = g if at.k == 0 else mu * at.m["v"] + (1 - damp) * g
    return (g + mu * v if nesterov else v), {"v": v}


def moments(at: Now, g: Tensor) -> tuple[Tensor, Tensor, Memory]:
    """Adam's, corrected, and as they are remembered."""
    a, s = 0.9 * at.m.get("a", 0) + 0.1 * g, 0.999 * at.m.get("s", 0) + 0.001 * g**2
    return a / (1 - 0.9 ** (at.k + 1)), s / (1 - 0.999 ** (at.k + 1)), {"a": a, "s": s}


def adam(at: Now, decay: float = 0, apart: float = 0) -> Direction:
    """As torch.optim.Adam and AdamW."""
    a, s, memory = moments(at, at.g + decay * at.p)
    return a / (s.sqrt() + 1e-8) + apart * at.p, memory


def adam_under_root(at: Now) -> Direction:
    """With ε under the root."""
    a, s, memory = moments(at, at.g)
    return a / (s + 1e-16).sqrt(), memory


def adagrad(at: Now) -> Direction:
    """As torch.optim.Adagrad."""
    s = at.m.get("s", 0) + at.g**2
    return at.g / (s.sqrt() + 1e-10), {"s": s}


def rmsprop(at: Now, centered: bool = False) -> Direction:
    """As torch.optim.RMSprop."""
    s, a = 0.99 * at.m.get("s", 0) + 0.01 * at.g**2, 0.99 * at.m.get("a", 0) + 0.01 * at.g
    return at.g / ((s - a**2 if centered else s).sqrt() + 1e-8), {"s": s, "a": a}


def adadelta(at: Now) -> Direction:
    """As torch.optim.Adadelta."""
    s, a = 0.9 * at.m.get("s", 0) + 0.1 * at.g**2, at.m.get("a", torch.zeros_like(at.g))
    d = (a + 1e-6).sqrt() / (s + 1e-6).sqrt() * at.g
    return d, {"s": s, "a": 0.9 * a + 0.1 * d**2}


def adamax(at: Now) -> Direction:
    """As torch.optim.Adamax."""
    a = 0.9 * at.m.get("a", 0) + 0.1 * at.g
    u = torch.maximum(0.999 * at.m.get("u", torch.zeros_like(at.g)), at.g.abs() + 1e-8)
    return a / (1 - 0.9 ** (at.k + 1)) / u, {"a": a, "u": u}


def sign_alone(at: Now) -> Direction:
    """The sign of the gradient."""
    return at.g.sign(), at.m


def proximal(at: Now) -> Direction:
    """With a pull back to where adaptation started."""
    start = at.m.get("p", at.p)
    return at.g + 0.5 * (at.p - start), {"p": start}


@dataclass(frozen=True)
class Written(InnerOptimizer):
    """A formula, as a user writes it for labkit."""

    formula: Formula

    def start(self, params: Params) -> dict[str, Params]:  # noqa: ARG002
        """Nothing yet."""
        return {}

    def direction(
        self, gradient: Params, state: dict[str, Params], step: int, params: Params
    ) -> tuple[Params, dict[str, Params]]:
        """Tensor by tensor."""
        both = {
            n: self.formula(Now(g, {key: each[n] for key, each in state.items()}, step, params[n]))
            for n, g in gradient.items()
        }
        keys = next(iter(both.values()))[1]
        return {n: d for n, (d, _) in both.items()}, {
            key: {n: m[key] for n, (_, m) in both.items()} for key in keys
        }


Torch = Callable[..., optim.Optimizer] | None
WRITTEN: tuple[tuple[str, Formula, Torch], ...] = (
    (
        "Nesterov",
        partial(sgd, mu=0.9, nesterov=True),
        partial(optim.SGD, momentum=0.9, nesterov=True),
    ),
    (
        "dampening",
        partial(sgd, mu=0.9, damp=0.3),
        partial(optim.SGD, momentum=0.9, dampening=0.3),
    ),
    ("ascent", partial(sgd, sign=-1), partial(optim.SGD, maximize=True)),
    ("Adam", adam, optim.Adam),
    ("Adam, weight decay", partial(adam, decay=0.1), partial(optim.Adam, weight_decay=0.1)),
    ("AdamW", partial(adam, apart=0.1), partial(optim.AdamW, weight_decay=0.1)),
    ("Adagrad", adagrad, optim.Adagrad),
    ("RMSprop", rmsprop, optim.RMSprop),
    (
        "RMSprop, centered",
        partial(rmsprop, centered=True),
        partial(optim.RMSprop, centered=True),
    ),
    ("Adadelta", adadelta, optim.Adadelta),
    ("Adamax", adamax, optim.Adamax),
    ("sign", sign_alone, None),
    ("proximal", proximal, None),
)
INNER: dict[str, tuple[InnerOptimizer, Formula, Torch]] = {
    "weight decay": (
        GradientDescent(weight_decay=0.1),
        partial(sgd, decay=0.1),
        partial(optim.SGD, weight_decay=0.1),
    ),
    "momentum": (Momentum(0.9), partial(sgd, mu=0.9), partial(optim.SGD, momentum=0.9)),
    "momentum, weight decay": (
        Momentum(0.5, weight_decay=0.1),
        partial(sgd, mu=0.5, decay=0.1),
        partial(optim.SGD, momentum=0.5, weight_decay=0.1),
    ),
    "Adam, ε under the root": (Adam(), adam_under_root, None),
}
INNER |= {
    name: (Written(formula), formula, torch_optimizer) for name, formula, torch_optimizer in WRITTEN
}

# cases

Gradient = Callable[["Case", nn.Module, Params, Any, Any], Params]


@dataclass(frozen=True)
class Case:
    """What a user sets; each field is read by labkit's side and by the one written out here."""

    model: str = "mlp"
    data: Data | None = None
    inner_steps: int = 1
    order: Literal[1, 2] = 2
    alpha: Any = 0.1
    inner: str = ""
    moving: tuple[str, ...] = ("*",)
    weights: tuple[float, ...] | None = None
    outer: Any = "sgd"
    torch_outer: Any = optim.SGD
    beta: float | Callable[[int], float] = 0.05
    options: Mapping[str, Any] = field(default_factory=dict)
    algorithm: Any = None
    mini_batch: int | None = None
    by: Gradient | None = None
    schedule: Callable[["Case", int], "Case"] | None = None

    def family(self) -> Any:
        """The tasks."""
        data = self.data or MODELS[self.model][1]
        return data if self.mini_batch is None else MiniBatches(data, self.mini_batch)

    def labkits(self) -> Any:
        """What labkit is given as the algorithm."""
        if self.algorithm is not None:
            return self.algorithm
        optimizer = INNER[self.inner][0] if self.inner else GradientDescent()
        common = {"alpha": self.alpha, "inner_steps": self.inner_steps, "order": self.order}
        if self.moving != ("*",):
            return ANIL(head=list(self.moving), inner_optimizer=optimizer, **common)
        return MAML(inner_optimizer=optimizer, loss_weights=self.weights, **common)


def adapted(
    case: Case, module: nn.Module, theta: Params, alpha: Any, support: Any, judge: Judge
) -> list[Params]:
    """The path of one task, by torch.autograd."""
    names = [n for n in theta if any(fnmatchcase(n, pattern) for pattern in case.moving)]
    path, memory = [dict(theta)], {n: {} for n in names}  # type: ignore[var-annotated]
    formula: Formula = INNER[case.inner][1] if case.inner else sgd
    for step in range(case.inner_steps):
        here, (x, y) = path[-1], support
        if case.mini_batch is not None:
            every = len(x) // case.mini_batch
            x, y = x[step % every :: every], y[step % every :: every]
        loss = judge(functional_call(module, here, (x,)), y)
        grads = torch.autograd.grad(
            loss, [here[n] for n in names], create_graph=case.order == 2, allow_unused=True
        )
        there = dict(here)
        for n, g in zip(names, grads, strict=True):
            slope = torch.zeros_like(here[n]) if g is None else g
            seen = here[n] if case.order == 2 else here[n].detach()
            d, memory[n] = formula(Now(slope, memory[n], step, seen))
            there[n] = here[n] - size(alpha, step, n) * d
        path.append(there)
    return path


def size(alpha: Any, step: int, name: str) -> Any:
    """α of one tensor in one step; 0 where a dict is silent."""
    one = alpha[step] if isinstance(alpha, list) else alpha
    if not isinstance(one, dict):
        return one
    return next((value for pattern, value in one.items() if fnmatchcase(name, pattern)), 0.0)


def through_the_path(case: Case, module: nn.Module, theta: Params, alpha: Any, task: Any) -> Tensor:
    """The query loss of one task after adaptation."""
    (support, (x, y)), judge = task, (case.data or MODELS[case.model][1]).judge
    path = adapted(case, module, theta, alpha, support, judge)
    weights = case.weights or (0.0,) * (len(path) - 2) + (1.0,)
    if len(path) == 1:
        return judge(functional_call(module, theta, (x,)), y)
    total = torch.zeros((), dtype=torch.float64)
    for w, here in zip(weights, path[1:], strict=True):
        total = total + w * judge(functional_call(module, here, (x,)), y)
    return total


def tasks_of(batch: TaskBatch) -> list[Any]:
    """(support, query) of each task."""

    def of(part: Any) -> list[Any]:
        return list(zip(*part, strict=True))

    return list(zip(of(batch.support), of(batch.query), strict=True))


def by_hand(case: Case, module: nn.Module, batches: list[TaskBatch]) -> tuple[Params, Any]:
    """θ and α after these meta-steps, by torch.autograd and torch.optim."""
    theta: Params = {n: p for n, p in module.named_parameters() if p.requires_grad}
    moving = [n for n in theta if any(fnmatchcase(n, each) for each in case.moving)]
    raw, alpha_of = leaves_of(case, {n: theta[n] for n in moving})
    groups: list[dict[str, Any]] = [{"params": list(theta.values())}]
    if raw:
        learned = case.labkits().alpha
        groups.append({"params": raw, "lr": learned.beta, "weight_decay": 0.0})
    options = case.options
    optimizer = case.torch_outer(groups if raw else groups[0]["params"], lr=1.0)
    for step, batch in enumerate(batches):
        now = case if case.schedule is None else case.schedule(case, step)
        for group in optimizer.param_groups[: -1 if raw else None]:
            group["lr"] = case.beta(step) if callable(case.beta) else case.beta
        tasks = tasks_of(batch)
        divisor = 1 if options.get("reduction") == "sum" else len(tasks)
        leaves = [*theta.values(), *raw]
        if options.get("shared_data"):
            tasks = [(support, support) for support, _ in tasks]
        if case.by is not None:
            slopes = [case.by(now, module, theta, *task) for task in tasks]
            grads = [torch.stack([s[n] for s in slopes]).sum(0) / divisor for n in theta]
        else:
            losses = [through_the_path(now, module, theta, alpha_of(), task) for task in tasks]
            grads = list(
                torch.autograd.grad(torch.stack(losses).sum() / divisor, leaves, allow_unused=True)
            )
        for leaf, grad in zip(leaves, grads, strict=True):
            leaf.grad = torch.zeros_like(leaf) if grad is None else grad
        if options.get("meta_clip"):
            nn.utils.clip_grad_norm_(list(theta.values()), options["meta_clip"])
        optimizer.step()
    return {n: p.detach() for n, p in theta.items()}, alpha_of()


def leaves_of(case: Case, moving: Params) -> tuple[list[Tensor], Callable[[], Any]]:
    """The tensors that a learned α is made of, and α of them."""
    alpha = case.labkits().alpha
    if not isinstance(alpha, LearnedAlpha):
        return [], lambda: alpha
    start = math.log(alpha.initial) if alpha.positive else alpha.initial
    shapes: dict[str, dict[str, tuple[int, ...]]] = {
        "scalar": {"*": ()},
        "tensor": dict.fromkeys(moving, ()),
    }
    shapes["element"] = {n: tuple(p.shape) for n, p in moving.items()}
    rows = [
        {
            n: torch.full(shape, start, dtype=torch.float64, requires_grad=True)
            for n, shape in shapes[alpha.granularity].items()
        }
        for _ in range(case.inner_steps if alpha.per_step else 1)
    ]

    def now() -> Any:
        values = [{n: r.exp() if alpha.positive else r for n, r in row.items()} for row in rows]
        return values if alpha.per_step else values[0]

    return [r for row in rows for r in row.values()], now


# algorithms whose direction is no gradient of the query loss after adaptation


def towards_the_end(case: Case, module: nn.Module, theta: Params, support: Any, _: Any) -> Params:
    """Reptile: θ − θ_K."""
    end = adapted(case, module, theta, case.alpha, support, F.mse_loss)[-1]
    return {n: (p - end[n]).detach() for n, p in theta.items()}


def of_all_points(_: Case, module: nn.Module, theta: Params, support: Any, query: Any) -> Params:
    """Joint training: the gradient of both losses at θ."""
    halves = [F.mse_loss(functional_call(module, theta, (x,)), y) / 2 for x, y in (support, query)]
    return dict(
        zip(theta, torch.autograd.grad(halves[0] + halves[1], list(theta.values())), strict=True)
    )


def by_a_dense_solve(
    case: Case, module: nn.Module, theta: Params, support: Any, query: Any
) -> Params:
    """iMAML: (I + H/λ)⁻¹ ∇L_query(φ), with H as a matrix."""
    shapes = {n: p.shape for n, p in theta.items()}

    def unflat(vector: Tensor) -> Params:
        parts = torch.split(vector, [shape.numel() for shape in shapes.values()])
        return {n: v.view(shapes[n]) for n, v in zip(shapes, parts, strict=True)}

    def loss(vector: Tensor, data: Any) -> Tensor:
        return F.mse_loss(functional_call(module, unflat(vector), (data[0],)), data[1])

    def slope_of(vector: Tensor, data: Any, again: bool = False) -> Tensor:
        vector = vector if again else vector.detach().requires_grad_()
        return torch.autograd.grad(loss(vector, data), vector, create_graph=again)[0]

    strength = case.algorithm.proximal
    start = phi = torch.cat([p.detach().flatten() for p in theta.values()])
    for _ in range(case.inner_steps):
        slope = slope_of(phi, support)
        phi = phi - case.alpha * (slope + strength * (phi - start))
    point = phi.detach().requires_grad_()
    rows = slope_of(point, support, again=True)
    hessian = torch.stack([torch.autograd.grad(r, point, retain_graph=True)[0] for r in rows])
    slope = slope_of(phi, query)
    eye = torch.eye(len(phi), dtype=phi.dtype)
    return unflat(torch.linalg.solve(eye + hessian / strength, slope))


def from_prototypes(
    case: Case, module: nn.Module, theta: Params, support: Any, query: Any
) -> Params:
    """ProtoMAML: the head starts from the mean of each class's features."""
    x, y = support
    features = torch.tanh(x @ theta["0.weight"].T + theta["0.bias"])
    means = torch.stack([features[y == c].mean(0) for c in (0, 1)])
    # copies: inner steps do not go through the prototypes, the meta-gradient does
    start = {n: p.clone() for n, p in theta.items()}
    start |= {"2.weight": 2 * means, "2.bias": -(means**2).sum(1)}
    end = adapted(case, module, start, case.alpha, support, F.cross_entropy)[-1]
    loss = F.cross_entropy(functional_call(module, end, (query[0],)), query[1])
    grads = torch.autograd.grad(loss, list(theta.values()), allow_unused=True)
    return {
        n: torch.zeros_like(p) if g is None else g
        for (n, p), g in zip(theta.items(), grads, strict=True)
    }


def groups_of(params: list[Tensor], lr: float) -> optim.Optimizer:
    """Two groups of parameters, with other momenta."""
    groups: list[dict[str, Any]] = [{"params": params[:2]}]
    return optim.SGD([*groups, {"params": params[2:], "momentum": 0.5}], lr=lr)


def stepped(meta_step: int) -> float:
    """Halved after two meta-steps."""
    return 0.05 * 0.5 ** (meta_step // 2)


OUTER: dict[str, tuple[Any, Any]] = {
    "sgd": ("sgd", optim.SGD),
    "adam": ("adam", optim.Adam),
    "adamw": ("adamw", optim.AdamW),
    "rmsprop": ("rmsprop", optim.RMSprop),
    "adagrad": ("adagrad", optim.Adagrad),
    "adadelta": ("adadelta", optim.Adadelta),
    "adamax": ("adamax", optim.Adamax),
    "nadam": ("nadam", optim.NAdam),
    "radam": ("radam", optim.RAdam),
    "asgd": ("asgd", optim.ASGD),
    "rprop": ("rprop", optim.Rprop),
} | {
    name: (factory, factory)
    for name, factory in {
        "momentum": partial(optim.SGD, momentum=0.9),
        "Nesterov": partial(optim.SGD, momentum=0.9, nesterov=True),
        "dampening": partial(optim.SGD, momentum=0.9, dampening=0.2),
        "weight decay": partial(optim.SGD, weight_decay=0.1),
        "ascent": partial(optim.SGD, maximize=True),
        "Adam of other βs": partial(optim.Adam, betas=(0.5, 0.9), eps=1e-4),
        "AMSGrad": partial(optim.Adam, amsgrad=True),
        "Adam, weight decay": partial(optim.Adam, weight_decay=0.1),
        "AdamW, strong decay": partial(optim.AdamW, weight_decay=0.5),
        "RMSprop, centered, momentum": partial(optim.RMSprop, centered=True, momentum=0.9),
        "Adagrad, decay of the step": partial(optim.Adagrad, lr_decay=0.1),
    }.items()
}

LEARNED: tuple[tuple[Any, bool, bool, str, Any], ...] = (
    ("scalar", False, True, "sgd", optim.SGD),
    ("tensor", False, True, "adam", optim.Adam),
    ("element", False, False, "sgd", optim.SGD),
    ("scalar", True, False, "adam", optim.Adam),
    ("tensor", True, True, "sgd", optim.SGD),
)

ALPHAS: dict[str, Case] = {
    "a tensor": Case(alpha=torch.tensor(0.2, dtype=torch.float64)),
    "negative": Case(alpha=-0.1),
    "of each tensor": Case(alpha={"0.weight": 0.1, "0.bias": 0.2, "2.weight": 0.3, "2.bias": 0.4}),
    "by pattern": Case(alpha={"0.*": 0.05, "2.*": 0.3}),
    "of some tensors": Case(alpha={"2.weight": 0.3}),
    "of each element": Case(
        model="linear",
        alpha={"weight": torch.tensor([[0.1, 0.3]]).double(), "bias": torch.tensor([0.2]).double()},
    ),
    "of each step": Case(alpha=[0.1, 0.2, 0.05], inner_steps=3),
    "of each step and tensor": Case(alpha=[{"0.*": 0.1}, {"2.*": 0.2}], inner_steps=2),
} | {
    f"learned, {granularity}{', per step' * per_step}{', any sign' * (not positive)}": Case(
        alpha=LearnedAlpha(0.1, granularity, per_step, beta=0.02, positive=positive),
        inner_steps=2,
        outer=outer,
        torch_outer=torch_outer,
    )
    for granularity, per_step, positive, outer, torch_outer in LEARNED
}

METHODS: dict[str, Case] = {
    "no inner step": Case(inner_steps=0),
    "the head alone": Case(moving=("2.*",), inner_steps=2),
    "all but the head": Case(moving=("0.*",), inner_steps=2),
    "two heads of three layers": Case(model="three layers", moving=("2.*", "4.*"), inner_steps=2),
    "biases alone": Case(moving=("*.bias",), inner_steps=2),
    "first order, the head alone": Case(moving=("2.*",), inner_steps=2, order=1),
    "losses after each step": Case(weights=(0.2, 0.3, 0.5), inner_steps=3),
    "losses that move to the last": Case(
        inner_steps=2,
        algorithm=MAML(0.1, 2, loss_weights=(0.5, 0.5), loss_weights_until=2),
        schedule=lambda case, step: replace(
            case, weights=((0.5, 0.5), (0.25, 0.75), (0.0, 1.0))[min(step, 2)]
        ),
    ),
    "first order at first": Case(
        inner_steps=2,
        algorithm=MAML(0.1, 2, first_order_until=1),
        schedule=lambda case, step: replace(case, order=1 if step < 1 else 2),
    ),
    "Meta-SGD": Case(
        alpha=LearnedAlpha(0.1, "element", beta=1e-3), algorithm=MetaSGD(alpha=0.1)
    ),
    "Reptile": Case(
        inner_steps=3, order=1, algorithm=Reptile(alpha=0.1, inner_steps=3), by=towards_the_end
    ),
    "joint training": Case(algorithm=JointTraining(), by=of_all_points),
    "iMAML": Case(
        model="linear", inner_steps=5, algorithm=IMAML(0.1, 5, 2.0, cg_steps=3), by=by_a_dense_solve
    ),
    "ProtoMAML": Case(
        model="classifier", inner_steps=2, by=from_prototypes,
        algorithm=ProtoMAML(head="2.*", alpha=0.1, inner_steps=2),
    ),
    "clipped meta-gradients": Case(options={"meta_clip": 0.1}),
    "a sum over tasks": Case(options={"reduction": "sum"}),
    "one task": Case(options={"meta_batch": 1}),
    "tasks one at a time": Case(options={"task_chunk": 1}, inner_steps=2),
    "inner steps computed again": Case(options={"checkpoint": True}, inner_steps=4),
    "one after another": Case(options={"vectorize": False}),
    "support as query": Case(options={"shared_data": True}),
}  # fmt: skip

DATA: dict[str, Case] = {
    "several targets": Case(model="classifier", data=Data(real(2), real(2))),
    "absolute errors": Case(data=Data(real(2), real(1), F.l1_loss)),
    "Huber": Case(data=Data(real(2), real(1), F.huber_loss)),
    "a sum of squares": Case(data=Data(real(2), real(1), partial(F.mse_loss, reduction="sum"))),
    "soft labels": Case(model="classifier", data=Data(real(2), share, F.cross_entropy)),
    "tasks of different sizes": Case(data=replace(REGRESSION, sizes=(2, 5, 3)), inner_steps=2),
    "different sizes, classes": Case(model="classifier", data=replace(CLASSES, sizes=(2, 6, 4))),
    "different sizes, batch norm": Case(
        model="batch norm of the batch", data=replace(REGRESSION, sizes=(4, 2, 4))
    ),
    "different sizes, a sum": Case(
        data=Data(real(2), real(1), partial(F.mse_loss, reduction="sum"), sizes=(2, 5, 2))
    ),
    "mini-batches": Case(mini_batch=2, inner_steps=3),
}

SCHEDULES: dict[str, Callable[[int], float]] = {
    "cosine": CosineDecay(0.05, 3),
    "warm-up": WarmUp(0.05, 2),
    "warm-up, cosine": WarmUp(CosineDecay(0.05, 5), 2),
    "halved": stepped,
    "exponential": lambda meta_step: 0.05 * 0.9**meta_step,
    "0 at first": lambda meta_step: 0.05 * (meta_step > 0),
}


def cases() -> dict[str, Case]:
    """All cases by name."""
    named: dict[str, Case] = {}
    for model in MODELS:
        named[f"{model}: exact"] = Case(model=model, inner_steps=2)
        named[f"{model}: first order"] = Case(model=model, inner_steps=3, order=1)
    for inner in INNER:
        named[f"inner {inner}"] = Case(inner=inner, inner_steps=3, alpha=0.05)
    for inner in ("momentum", "Adam", "AdamW", "proximal"):
        named[f"inner {inner}: first order"] = Case(inner=inner, inner_steps=3, order=1, alpha=0.05)
    named |= {f"alpha {name}": case for name, case in ALPHAS.items()}
    for name, (outer, torch_outer) in OUTER.items():
        named[f"outer {name}"] = Case(outer=outer, torch_outer=torch_outer)
    named["outer in two groups"] = Case(outer=groups_of, torch_outer=groups_of)
    for name, beta in SCHEDULES.items():
        named[f"schedule {name}"] = Case(beta=beta)
        named[f"schedule {name}, adam"] = Case(beta=beta, outer="adam", torch_outer=optim.Adam)
    named |= METHODS | DATA
    refused = {
        "outer LBFGS": Case(outer="lbfgs"),
        "outer SparseAdam": Case(outer="sparseadam"),
        "learned alpha of Reptile": Case(
            algorithm=None, alpha=LearnedAlpha(0.1), by=towards_the_end
        ),
    }
    return named | refused


ABSENT = {
    "learned transforms of inner gradients (Kronecker, Meta-Curvature, a learned optimiser)": (
        "an inner optimiser has no meta-parameters but α"
    ),
    "parameters of a group each with another inner optimiser": "one serves all that adapts",
    "derivatives through several meta-steps": "each meta-step starts from constants",
    "implicit gradients by a Neumann series or a solver of the user's": "conjugate gradients alone",
    "zero-order and evolutionary meta-gradients": "meta-gradients are derivatives",
}


def verdict(case: Case) -> tuple[Verdict, str]:
    """Whether labkit takes a case, and the words where it does not.

    Raises:
        AssertionError: Its numbers are not those of autograd.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = MODELS[case.model][0]().double()
    options: dict[str, Any] = {"meta_batch": TASKS, **case.options}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LoopWarning)
            algorithm = case.labkits() if case.by is not towards_the_end else reptile(case)
            learner = MetaLearner(
                module,
                case.family(),
                algorithm,
                beta=case.beta,
                meta_optimizer=case.outer,
                **options,
            )
    except ValueError as error:
        return "refused", str(error)
    generator = torch.Generator().set_state(learner.task_stream)
    data = case.data or MODELS[case.model][1]
    batches = [data.sample(options["meta_batch"], generator) for _ in range(META_STEPS)]
    learner.train(META_STEPS)
    theta, alpha = by_hand(case, copy.deepcopy(module), batches)
    pairs = [(f"θ of {n}", learner.params[n], p) for n, p in theta.items()]
    if isinstance(algorithm.alpha, LearnedAlpha):
        pairs += list(alphas(learner.alpha, alpha))
    for what, result, expected in pairs:
        worst = float((result - expected).abs().max() / (1e-3 + expected.abs().max()))
        assert worst < 1e-9, f"{what} differs by {worst:.1e}"
    return "right", ""


def reptile(case: Case) -> Any:
    """Reptile with the α of a case."""
    return case.algorithm or Reptile(alpha=case.alpha)


def alphas(result: Any, expected: Any) -> Any:
    """Pairs of step sizes."""
    rows = (
        zip(result, expected, strict=True) if isinstance(expected, list) else [(result, expected)]
    )
    for one, other in rows:
        for name, value in other.items():
            yield f"α of {name}", one[name] if isinstance(one, dict) else one, value.detach()


def anchored(inner: str) -> None:
    """Check that a formula of an inner optimiser is that of torch.optim, on a path of one task.

    Raises:
        AssertionError: It is not.
    """
    formula, make = INNER[inner][1:]
    assert make is not None
    w = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64, requires_grad=True)
    memory: Memory = {}
    optimizer, here = make([w], lr=0.05), w.detach().clone()
    for step in range(4):
        w.grad = w.detach() ** 3 + 1
        d, memory = formula(Now(here**3 + 1, memory, step, here))
        here = here - 0.05 * d
        optimizer.step()
        torch.testing.assert_close(here, w.detach(), rtol=1e-9, atol=1e-12)


def main() -> None:
    """Print the verdict of every case, and how many there are of each."""
    verdicts: list[str] = []
    for name, case in cases().items():
        result, words = verdict(case)
        verdicts.append(result)
        print(f"{result:8s} {name:36s} {words}", flush=True)  # noqa: T201
    for name, reason in ABSENT.items():
        print(f"absent   {name}: {reason}")  # noqa: T201
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in get_args(Verdict))
    print(f"{len(verdicts) + len(ABSENT)} cases: {counts}, {len(ABSENT)} absent")  # noqa: T201


if __name__ == "__main__":
    main()
