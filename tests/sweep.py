"""Modules and losses of many kinds against plain autograd: python -m tests.sweep

Every module with a squared error, and every loss with a small network, is given to a
`MetaLearner`, two exact inner steps on three tasks in float64. "exact": tasks side by side give
the meta-gradient of autograd written out, to 1e-10; "looped": tasks one after another do;
"refused": a ValueError says why. Anything else is an error of this project. The last line counts.
"""

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import parametrizations

from labkit import MAML, LoopWarning, MetaLearner, TaskBatch
from labkit.core.types import Order

TASKS, POINTS, ALPHA = 3, 6, 0.05

Verdict = Literal["exact", "looped", "refused"]
Draw = Callable[[tuple[int, ...], torch.Generator], Tensor]


def real(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Normal numbers."""
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def token(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Whole numbers from 0 to 6."""
    return torch.randint(7, shape, generator=generator)


def label(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Classes 0, 1 and 2, one for each point."""
    return torch.randint(3, shape[:-1], generator=generator)


def label_or_none(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """The same, with some to be ignored."""
    classes = label(shape, generator)
    return torch.where(torch.rand(classes.shape, generator=generator) < 0.3, -100, classes)


def binary(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Numbers 0 and 1."""
    return (real(shape, generator) > 0).double()


def count(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Whole numbers ≥ 0."""
    return real(shape, generator).abs().mul(3).round()


def probability(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Probabilities of three classes."""
    return real(shape, generator).softmax(-1)


class By(nn.Module):
    """A module with any forward."""

    def __init__(self, forward: Callable[..., Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self.parts, self.call = nn.ModuleDict(parts), forward

    def forward(self, x: Tensor) -> Tensor:
        """The function, of the parts and x."""
        return self.call(self.parts, x)


class Three(nn.Module):
    """What a module gives, mixed into three numbers for each point."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        """x, (points, …) → (points, 3)."""
        out = self.module(x).flatten(1)
        mix = torch.arange(3 * out.shape[1], dtype=out.dtype).cos().view(-1, 3)
        mixed: Tensor = out @ mix / out.shape[1] ** 0.5
        return mixed


def mlp(activation: Callable[[], nn.Module] = nn.Tanh) -> nn.Module:
    """4 → 8 → 3."""
    return nn.Sequential(nn.Linear(4, 8), activation(), nn.Linear(8, 3))


def steps(cell: nn.Module) -> nn.Module:
    """A recurrent cell over the axis of time."""

    def forward(parts: Any, x: Tensor) -> Tensor:
        state: Any = None
        for time in range(x.shape[1]):
            state = parts["cell"](x[:, time], state)
        last: Tensor = state[0] if isinstance(state, tuple) else state
        return last

    return By(forward, cell=cell)


def attention(backend: SDPBackend | None) -> nn.Module:
    """Self-attention over time, (points, time, 4)."""

    def forward(parts: Any, x: Tensor) -> Tensor:
        q, k, v = (part.unsqueeze(1) for part in parts["qkv"](x).chunk(3, -1))
        if backend is None:
            return F.scaled_dot_product_attention(q, k, v)
        with sdpa_kernel(backend):
            return F.scaled_dot_product_attention(q, k, v)

    return By(forward, qkv=nn.Linear(4, 12))


def experts(parts: Any, x: Tensor) -> Tensor:
    """Each point by one of two layers, picked by a boolean mask."""
    chosen = x[:, 0] > 0
    out = torch.zeros(len(x), 3, dtype=x.dtype)
    return out.index_put((chosen,), parts["a"](x[chosen])).index_put(
        (~chosen,), parts["b"](x[~chosen])
    )


def tied() -> nn.Module:
    """Two layers with one weight."""
    one, two = nn.Linear(4, 4), nn.Linear(4, 4)
    two.weight = one.weight
    return nn.Sequential(one, nn.Tanh(), two)


def frozen() -> nn.Module:
    """The first layer does not learn."""
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    for p in model[0].parameters():
        p.requires_grad_(False)
    return model


def ode(parts: Any, x: Tensor) -> Tensor:
    """Four Euler steps."""
    for _ in range(4):
        x = x + 0.25 * parts["f"](x)
    return x


IMAGE, LINE, CUBE, VECTOR, SERIES = (2, 6, 6), (2, 7), (1, 3, 4, 4), (4,), (5, 4)

MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], Draw]] = {
    "Linear": (lambda: nn.Linear(4, 3), VECTOR, real),
    "MLP, tanh": (mlp, VECTOR, real),
    "MLP, ReLU": (lambda: mlp(nn.ReLU), VECTOR, real),
    "MLP, GELU": (lambda: mlp(nn.GELU), VECTOR, real),
    "MLP, SiLU": (lambda: mlp(nn.SiLU), VECTOR, real),
    "MLP, PReLU": (lambda: mlp(nn.PReLU), VECTOR, real),
    "Bilinear": (lambda: By(lambda m, x: m["b"](x, x), b=nn.Bilinear(4, 4, 3)), VECTOR, real),
    "Conv1d": (lambda: nn.Sequential(nn.Conv1d(2, 3, 3), nn.Tanh()), LINE, real),
    "Conv2d": (lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.Tanh()), IMAGE, real),
    "Conv3d": (lambda: nn.Sequential(nn.Conv3d(1, 2, 2), nn.Tanh()), CUBE, real),
    "Conv2d by depth": (lambda: nn.Conv2d(2, 4, 3, groups=2), IMAGE, real),
    "Conv2d, dilated": (lambda: nn.Conv2d(2, 3, 2, dilation=2), IMAGE, real),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(2, 3, 2, stride=2), IMAGE, real),
    "MaxPool2d": (lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.MaxPool2d(2)), IMAGE, real),
    "AvgPool2d": (lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.AvgPool2d(2)), IMAGE, real),
    "AdaptiveAvgPool2d": (
        lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.AdaptiveAvgPool2d(2)),
        IMAGE,
        real,
    ),
    "Upsample": (
        lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.Upsample(scale_factor=2, mode="bilinear")),
        IMAGE,
        real,
    ),
    "PixelShuffle": (lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.PixelShuffle(2)), IMAGE, real),
    "BatchNorm2d": (
        lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, track_running_stats=False)),
        IMAGE,
        real,
    ),
    "LayerNorm": (lambda: nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8)), VECTOR, real),
    "GroupNorm": (lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4)), IMAGE, real),
    "InstanceNorm2d": (
        lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.InstanceNorm2d(3, affine=True)),
        IMAGE,
        real,
    ),
    "RMSNorm": (lambda: nn.Sequential(nn.Linear(4, 8), nn.RMSNorm(8)), VECTOR, real),
    "Embedding": (lambda: nn.Sequential(nn.Embedding(7, 4), nn.Tanh()), (5,), token),
    "EmbeddingBag": (lambda: nn.EmbeddingBag(7, 4), (5,), token),
    "weight norm": (lambda: parametrizations.weight_norm(nn.Linear(4, 3)), VECTOR, real),
    "orthogonal": (lambda: parametrizations.orthogonal(nn.Linear(4, 3)), VECTOR, real),
    "spectral norm": (
        lambda: parametrizations.spectral_norm(nn.Linear(4, 3)).eval(),
        VECTOR,
        real,
    ),
    "tied weights": (tied, VECTOR, real),
    "a frozen layer": (frozen, VECTOR, real),
    "residual": (lambda: By(lambda m, x: x + m["f"](x).tanh(), f=nn.Linear(4, 4)), VECTOR, real),
    "Euler steps": (lambda: By(ode, f=nn.Sequential(nn.Linear(4, 4), nn.Tanh())), VECTOR, real),
    "Fourier layer": (
        lambda: By(lambda m, x: torch.fft.irfft(torch.fft.rfft(m["f"](x))), f=nn.Linear(4, 4)),
        VECTOR,
        real,
    ),
    "LSTM": (
        lambda: By(lambda m, x: m["r"](x)[0], r=nn.LSTM(4, 3, batch_first=True)),
        SERIES,
        real,
    ),
    "LSTM, two ways, two layers": (
        lambda: By(
            lambda m, x: m["r"](x)[0],
            r=nn.LSTM(4, 3, 2, batch_first=True, bidirectional=True),
        ),
        SERIES,
        real,
    ),
    "GRU": (lambda: By(lambda m, x: m["r"](x)[0], r=nn.GRU(4, 3, batch_first=True)), SERIES, real),
    "RNN": (lambda: By(lambda m, x: m["r"](x)[0], r=nn.RNN(4, 3, batch_first=True)), SERIES, real),
    "LSTMCell": (lambda: steps(nn.LSTMCell(4, 3)), SERIES, real),
    "GRUCell": (lambda: steps(nn.GRUCell(4, 3)), SERIES, real),
    "experts by boolean mask": (
        lambda: By(experts, a=nn.Linear(4, 3), b=nn.Linear(4, 3)),
        VECTOR,
        real,
    ),
    "a branch on values": (
        lambda: By(lambda m, x: m["f"](x) if m["f"](x).sum() > 0 else m["f"](x).tanh(), f=mlp()),
        VECTOR,
        real,
    ),
    "attention, by arithmetic": (lambda: attention(SDPBackend.MATH), SERIES, real),
    "attention, fused": (lambda: attention(None), SERIES, real),
    "TransformerEncoderLayer": (
        lambda: nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True),
        SERIES,
        real,
    ),
}


def nearest(out: Tensor, y: Tensor) -> Tensor:
    """Supervised contrastive loss."""
    z, eye = F.normalize(out, dim=-1), torch.eye(len(out), dtype=out.dtype)
    same = (y[:, None] == y[None]).to(out.dtype) - eye
    logs = (2 * z @ z.T - 1e9 * eye).log_softmax(-1)
    return -((logs * same).sum(-1) / same.sum(-1).clamp(min=1)).mean()


def ctc(out: Tensor, y: Tensor) -> Tensor:
    """The points as one sequence."""
    lengths = torch.tensor([len(out)]), torch.tensor([2])
    return F.ctc_loss(out.log_softmax(-1)[:, None], y[:2][None].clamp(min=1), *lengths)


def deviation(out: Tensor) -> Tensor:
    """A positive number from a neighbouring output."""
    return F.softplus(out.roll(1, -1)) + 1e-3


def normal(out: Tensor, y: Tensor) -> Tensor:
    """−log of a normal density."""
    density: Any = torch.distributions.Normal(out, deviation(out))
    loss: Tensor = -density.log_prob(y).mean()
    return loss


def categorical(out: Tensor, y: Tensor) -> Tensor:
    """−log of a probability."""
    probabilities: Any = torch.distributions.Categorical(logits=out)
    loss: Tensor = -probabilities.log_prob(y).mean()
    return loss


def weights(out: Tensor) -> Tensor:
    """One for each class."""
    return torch.tensor([1.0, 2.0, 3.0], dtype=out.dtype)


LOSSES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Draw]] = {
    "mse": (F.mse_loss, real),
    "l1": (F.l1_loss, real),
    "huber": (F.huber_loss, real),
    "smooth l1": (F.smooth_l1_loss, real),
    "log cosh": (lambda o, y: (o - y).cosh().log().mean(), real),
    "quantile": (lambda o, y: torch.maximum(0.9 * (y - o), 0.1 * (o - y)).mean(), real),
    "1 − R²": (lambda o, y: (y - o).square().sum() / (y - y.mean()).square().sum(), real),
    "cosine": (lambda o, y: (1 - F.cosine_similarity(o, y)).mean(), real),
    "triplet": (lambda o, y: F.triplet_margin_loss(o, y, y.roll(1, 0)), real),
    "margin ranking": (
        lambda o, y: F.margin_ranking_loss(o[:, 0], o[:, 1], y[:, 0].sign()),
        real,
    ),
    "cross entropy": (F.cross_entropy, label),
    "cross entropy, smoothed and weighted": (
        lambda o, y: F.cross_entropy(o, y, weight=weights(o), label_smoothing=0.1),
        label,
    ),
    "cross entropy, ignored labels": (F.cross_entropy, label_or_none),
    "cross entropy, soft labels": (F.cross_entropy, probability),
    "nll": (lambda o, y: F.nll_loss(o.log_softmax(-1), y), label),
    "focal": (
        lambda o, y: ((1 - o.softmax(-1)) ** 2 * -o.log_softmax(-1)).gather(1, y[:, None]).mean(),
        label,
    ),
    "multi-margin": (F.multi_margin_loss, label),
    "bce": (lambda o, y: F.binary_cross_entropy(o.sigmoid(), y), binary),
    "bce with logits, weighted": (
        lambda o, y: F.binary_cross_entropy_with_logits(o, y, pos_weight=weights(o)),
        binary,
    ),
    "multilabel soft margin": (F.multilabel_soft_margin_loss, binary),
    "poisson nll": (F.poisson_nll_loss, count),
    "gaussian nll": (lambda o, y: F.gaussian_nll_loss(o, y, deviation(o)), real),
    "distributions.Normal": (normal, real),
    "distributions.Categorical": (
        categorical,
        label,
    ),
    "kl divergence": (
        lambda o, y: F.kl_div(o.log_softmax(-1), y, reduction="batchmean"),
        probability,
    ),
    "supervised contrastive": (nearest, label),
    "ctc": (ctc, label),
    "boolean mask": (lambda o, y: (o[y > 0] - y[y > 0]).square().mean(), real),
    "masked by where": (
        lambda o, y: torch.where(y > 0, o, 0).square().sum() / (y > 0).sum().clamp(min=1),
        real,
    ),
    "a branch on the loss": (
        lambda o, y: F.mse_loss(o, y) if F.mse_loss(o, y) < 1 else F.l1_loss(o, y),
        real,
    ),
    "scaled by .item()": (lambda o, y: F.mse_loss(o, y) / (1 + o.abs().max().item()), real),
    "worst points by topk": (lambda o, y: (o - y).square().sum(1).topk(3).values.mean(), real),
}


@dataclass(frozen=True)
class Family:
    """Points of one module and one loss."""

    shape: tuple[int, ...]
    x: Draw
    y: Draw
    judge: Callable[[Tensor, Tensor], Tensor]

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """As many points in the query as in the support."""

        def part() -> tuple[Tensor, Tensor]:
            points = (tasks, POINTS)
            return self.x((*points, *self.shape), generator), self.y((*points, 3), generator)

        return TaskBatch(part(), part())

    def loss(self, predict: Callable[[Tensor], Tensor], batch: Any) -> Tensor:
        """Of one task."""
        return self.judge(predict(batch[0]), batch[1])


def by_autograd(
    module: nn.Module, family: Family, batch: TaskBatch, inner_steps: int, order: Order
) -> dict[str, Tensor]:
    """The meta-gradient by torch.autograd, written out."""
    module = copy.deepcopy(module)
    theta: dict[str, Tensor] = {n: p for n, p in module.named_parameters() if p.requires_grad}
    total = torch.zeros((), dtype=torch.float64)
    for task in range(TASKS):
        here = dict(theta)
        for step in range(inner_steps + 1):
            x, y = batch.query if step == inner_steps else batch.support
            value = family.judge(functional_call(module, here, (x[task],)), y[task])
            if step == inner_steps:
                total = total + value / TASKS
                continue
            slopes = torch.autograd.grad(value, list(here.values()), create_graph=order == 2)
            here = {n: p - ALPHA * g for (n, p), g in zip(here.items(), slopes, strict=True)}
    return dict(zip(theta, torch.autograd.grad(total, list(theta.values())), strict=True))


def verdict(
    module_name: str, loss_name: str, inner_steps: int = 2, order: Order = 2
) -> tuple[Verdict, str]:
    """How a module is meta-trained with a loss, and the words where it is not.

    Raises:
        AssertionError: The meta-gradient is not that of autograd.
    """
    make, shape, x = MODULES[module_name]
    judge, y = LOSSES[loss_name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = Three(make()).double()
    family = Family(shape, x, y, judge)
    algorithm = MAML(ALPHA, inner_steps, order)
    try:
        with warnings.catch_warnings():
            # said where it loops; and torch's own loops inside of vmap
            warnings.simplefilter("ignore", LoopWarning)
            warnings.filterwarnings("ignore", "There is a performance drop")
            learner = MetaLearner(module, family, algorithm, meta_batch=TASKS)
    except ValueError as error:
        return "refused", str(error)
    batch = learner.held_out(TASKS)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "There is a performance drop")
        result = algorithm.meta_gradient(
            learner.loss_fn,
            learner.params,
            batch.support,
            batch.query,
            vectorize=learner.vectorized,
        ).params
    expected = by_autograd(module, family, batch, inner_steps, order)
    largest = max(float(e.abs().max()) for e in expected.values())
    worst = max(float((result[n] - e).abs().max()) for n, e in expected.items()) / largest
    assert worst < 1e-10, f"{module_name} with {loss_name} differs by {worst:.1e}"
    return ("exact" if learner.vectorized else "looped"), f"{worst:.0e}"


def main() -> None:
    """Print the verdict of every module and of every loss, and how many there are of each."""
    cases = {name: (name, "mse") for name in MODULES}, {n: ("MLP, tanh", n) for n in LOSSES}
    for what, pairs in zip(("modules", "losses"), cases, strict=True):
        verdicts: list[str] = []
        for name, pair in pairs.items():
            result, words = verdict(*pair)
            verdicts.append(result)
            print(f"{result:8s}{name:40s}{words}", flush=True)  # noqa: T201
        counts = ", ".join(f"{verdicts.count(v)} {v}" for v in ("exact", "looped", "refused"))
        print(f"{len(pairs)} {what}: {counts}\n")  # noqa: T201


if __name__ == "__main__":
    main()
