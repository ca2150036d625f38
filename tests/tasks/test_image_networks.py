"""The paper's networks on images: what they compute, how they start, how they are meta-trained."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import conv2d, cross_entropy, max_pool2d, relu

from labkit import (
    ANIL,
    MAML,
    Emoji,
    ImageClasses,
    MetaLearner,
    ProtoMAML,
    conv4,
    conv4_max_pool,
    image_mlp,
)

Network = Callable[[torch.Generator], nn.Module]

SMALL: dict[str, Network] = {
    "conv4": partial(conv4, ways=3, channels=2, filters=4),
    "conv4_max_pool": partial(conv4_max_pool, ways=3, channels=2, filters=4, side=32),
    "image_mlp": partial(image_mlp, ways=3, inputs=2 * 32 * 32),
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def named(net: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in net.named_parameters()}


def normalised(x: Tensor, shift: Tensor) -> Tensor:
    """Batch norm by the statistics of x, without scale."""
    axes = [0, *range(2, x.ndim)]
    shape = (1, -1, *[1] * (x.ndim - 2))
    mean, var = x.mean(axes, keepdim=True), x.var(axes, correction=0, keepdim=True)
    return (x - mean) / (var + 1e-3).sqrt() + shift.reshape(shape)


def by_hand(kind: str, p: dict[str, Tensor], x: Tensor) -> Tensor:
    """The formulas of the docstrings."""
    if kind == "image_mlp":
        x = x.flatten(1)
    for number in (1, 2, 3, 4):
        shift = p[f"norm{number}.bias"]
        match kind:
            case "conv4":
                x = relu(normalised(conv2d(x, p[f"conv{number}.weight"], None, 2, 1), shift))
            case "conv4_max_pool":
                x = relu(normalised(conv2d(x, p[f"conv{number}.weight"], None, 1, 1), shift))
                x = max_pool2d(x, 2)
            case _:
                x = relu(normalised(x @ p[f"linear{number}.weight"].T, shift))
    x = x.mean((2, 3)) if kind == "conv4" else x.flatten(1)
    return x @ p["head.weight"].T + p["head.bias"]


@pytest.mark.parametrize("kind", SMALL)
def test_networks_compute_their_formulas(kind: str) -> None:
    net = SMALL[kind](generator()).double()
    for name, p in net.named_parameters():
        if name.endswith("bias"):  # which start at 0
            p.data.copy_(torch.randn(p.shape, generator=generator(1), dtype=p.dtype))
    x = torch.rand(7, 2, 32, 32, generator=generator(2), dtype=torch.float64)
    torch.testing.assert_close(net(x), by_hand(kind, named(net), x))


def test_sizes_are_the_papers() -> None:
    shapes = {name: tuple(p.shape) for name, p in conv4(generator()).named_parameters()}
    assert shapes["conv1.weight"] == (64, 1, 3, 3)
    assert shapes["conv4.weight"] == (64, 64, 3, 3)
    assert shapes["head.weight"] == (5, 64)
    assert conv4(generator(), ways=20)(torch.zeros(2, 1, 28, 28)).shape == (2, 20)
    net = conv4_max_pool(generator(), ways=5)
    assert net(torch.zeros(2, 3, 84, 84)).shape == (2, 5)
    assert named(net)["conv2.weight"].shape == (32, 32, 3, 3)
    widths = [len(p) for name, p in named(image_mlp(generator())).items() if "linear" in name]
    assert widths == [256, 128, 64, 64]


def test_initial_weights_are_those_of_the_released_code() -> None:
    for net, filters in ((conv4(generator()), 64), (conv4_max_pool(generator()), 32)):
        weight = named(net)["conv2.weight"]
        bound = math.sqrt(6 / (2 * 9 * filters))
        assert float(weight.abs().max()) <= bound
        assert float(weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.05)
    assert float(named(conv4(generator(), ways=50))["head.weight"].std()) == pytest.approx(
        1, rel=0.05
    )
    head = named(conv4_max_pool(generator()))["head.weight"]
    assert float(head.abs().max()) <= math.sqrt(6 / 805)
    assert float(head.std()) == pytest.approx(math.sqrt(2 / 805), rel=0.05)
    dense = named(image_mlp(generator()))["linear1.weight"]
    assert float(dense.abs().max()) <= 0.02
    assert float(dense.std()) == pytest.approx(0.0088, rel=0.02)  # a normal cut at ±2σ


@pytest.mark.parametrize("kind", SMALL)
def test_the_generator_decides_and_norms_only_shift(kind: str) -> None:
    one, two, other = (named(SMALL[kind](generator(seed))) for seed in (1, 1, 2))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])
    assert all(not p.any() for name, p in one.items() if name.endswith("bias"))
    for name, p in SMALL[kind](generator()).named_parameters():
        assert p.requires_grad is not ("norm" in name and name.endswith("weight"))


def family(side: int = 32) -> ImageClasses:
    images = torch.randint(256, (6, 5, side, side, 2), generator=generator(), dtype=torch.uint8)
    return ImageClasses(images, ways=3, shots=2, queries=3)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("kind", SMALL)
def test_a_meta_gradient_is_that_of_a_loop_over_tasks(kind: str, order: Any) -> None:
    """`vmap` over tasks and batch norm by each batch, against torch.autograd, task by task."""
    algorithm = MAML(alpha=0.3, inner_steps=2, order=order)
    learner = MetaLearner(
        SMALL[kind], family(), algorithm, meta_batch=3, dtype=torch.float64,
        batch_norm="transductive",
    )  # fmt: skip
    batch = family().sample(3, generator(5))
    support, query = ((x.double(), y) for x, y in (batch.support, batch.query))
    result = algorithm.meta_gradient(learner.loss_fn, learner.params, support, query)

    net = SMALL[kind](generator()).double()  # in training mode: statistics of each batch
    fixed = {name: p.detach() for name, p in net.named_parameters() if not p.requires_grad}
    start = {name: p.clone().requires_grad_() for name, p in learner.params.items()}
    losses = []
    for task in range(3):
        theta = dict(start)
        for _ in range(2):
            logits = functional_call(net, {**theta, **fixed}, support[0][task])
            loss = cross_entropy(logits, support[1][task])
            steps = torch.autograd.grad(loss, list(theta.values()), create_graph=order == 2)
            theta = {n: p - 0.3 * g for (n, p), g in zip(theta.items(), steps, strict=True)}
        logits = functional_call(net, {**theta, **fixed}, query[0][task])
        losses.append(cross_entropy(logits, query[1][task]))
    gradient = torch.autograd.grad(torch.stack(losses).mean(), list(start.values()))
    for name, expected in zip(start, gradient, strict=True):
        torch.testing.assert_close(result.params[name], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "algorithm", [MAML(alpha=0.4), ProtoMAML(head="head.*", alpha=0.1), ANIL(head="head.*")]
)
def test_learning_to_tell_emoji_apart(algorithm: Any) -> None:
    tasks = Emoji(ways=3, shots=1, queries=2)
    learner = MetaLearner(
        partial(conv4, ways=3, channels=3, filters=8),
        tasks,
        algorithm,
        beta=0.01,
        meta_batch=4,
        batch_norm="transductive",
    )
    steps = learner.train(30)
    late = sum(step.loss_after for step in steps[-5:])
    assert late < 0.8 * sum(step.loss_after for step in steps[:5])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (partial(conv4, ways=0), "ways must be a whole number ≥ 1, got 0"),
        (partial(conv4, filters=0), "filters must be a whole number ≥ 1, got 0"),
        (partial(conv4_max_pool, side=15), "side must be a whole number ≥ 16, got 15"),
        (partial(image_mlp, inputs=-1), "inputs must be a whole number ≥ 1, got -1"),
    ],
)
def test_bad_options(make: Network, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make(generator())
