"""The work of every peer: a network, its tasks and one kind of meta-step, as numpy arrays.

Nothing here loads torch or JAX: a process can set its threads first.
"""

import math
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Arrays: TypeAlias = dict[str, Array]
Order: TypeAlias = Literal[1, 2]
Points: TypeAlias = tuple[Array, Array]
"""Inputs (tasks, points, …) and targets: (tasks, points, 1) numbers, or (tasks, points) labels."""

AMPLITUDE, PHASE, X_RANGE = (0.1, 5.0), (0.0, math.pi), (-5.0, 5.0)
"""Ranges of the sinusoid, as in the paper."""
POINTS = 10
"""Support points of a wave, and as many query points."""
WAYS, SIDE = 5, 28
CLASSES, EXAMPLES = 100, 20
"""Of the made-up images: one support and one query image are drawn of each class of a task."""
NORM_EPSILON = 1e-3


@final
@dataclass(frozen=True, slots=True)
class Work:
    """One meta-step: Adam on θ, MAML with fixed α inside, mean over the tasks.

    Attributes:
        network: "mlp" on sine waves, 1-width-width-1 with ReLU, or "conv4" on images.
        meta_batch: Tasks.
        inner_steps: K.
        order: 1 or 2.
        width: Units of a hidden layer, or filters of a convolution.
        alphas: α of each learner; more than one is an ensemble, each with its own θ and Adam.
        beta: β.
    """

    network: Literal["mlp", "conv4"] = "mlp"
    meta_batch: int = 25
    inner_steps: int = 1
    order: Order = 2
    width: int = 40
    alphas: tuple[float, ...] = (0.01,)
    beta: float = 1e-3


@dataclass(frozen=True, slots=True)
class Gradient:
    """The query loss after adaptation and its gradient, of each learner.

    Attributes:
        loss: Mean over the tasks, (learners,).
        params: Name → (learners, …).
    """

    loss: Array
    params: Arrays = field(repr=False)


class Peer(Protocol):
    """One way to take meta-steps, at its θ."""

    def train(self, meta_steps: int) -> None:
        """Take meta-steps on tasks that the peer itself draws, and wait until they are done."""

    def meta_gradient(self, support: Points, query: Points) -> Gradient:
        """At the θ it was made with, in float64, on tasks that are given."""


def shapes(work: Work) -> dict[str, tuple[int, ...]]:
    """Name and shape of each tensor of θ, as torch has them: weights are (outputs, inputs, …)."""
    width = work.width
    if work.network == "mlp":
        ends = ((1, width), (width, width), (width, 1))
        return {
            name: shape
            for layer, (inputs, outputs) in zip((0, 2, 4), ends, strict=True)
            for name, shape in (
                (f"{layer}.weight", (outputs, inputs)),
                (f"{layer}.bias", (outputs,)),
            )
        }
    sizes: dict[str, tuple[int, ...]] = {}
    for number in (1, 2, 3, 4):
        sizes[f"conv{number}.weight"] = (width, 1 if number == 1 else width, 3, 3)
        sizes[f"norm{number}.bias"] = (width,)
    return sizes | {"head.weight": (WAYS, width), "head.bias": (WAYS,)}


def initial_params(work: Work) -> Arrays:
    """θ in float64, small enough that ten inner steps converge; no gradient of it is 0."""
    source = np.random.default_rng(0)
    return {
        name: source.normal(0, 0.1 if len(shape) == 1 else (0.5 / np.prod(shape[1:])) ** 0.5, shape)
        for name, shape in shapes(work).items()
    }


def images() -> Array:
    """Made-up images in float32, (classes, examples, 1, side, side): speed does not look at them.

    Those of a class share a pattern: there is something to learn.
    """
    source = np.random.default_rng(1)
    pattern = source.random((CLASSES, 1, 1, SIDE, SIDE), dtype=np.float32)
    noise = source.random((CLASSES, EXAMPLES, 1, SIDE, SIDE), dtype=np.float32)
    return (pattern + noise) / 2


def given_tasks(work: Work) -> tuple[Points, Points]:
    """Support and query in float64, the same for every peer, to check their gradients on."""
    source = np.random.default_rng(2)
    tasks = work.meta_batch
    if work.network == "mlp":
        amplitude = source.uniform(*AMPLITUDE, (tasks, 1, 1))
        phase = source.uniform(*PHASE, (tasks, 1, 1))
        x = source.uniform(*X_RANGE, (tasks, 2 * POINTS, 1))
        y = amplitude * np.sin(x - phase)
        return (x[:, :POINTS], y[:, :POINTS]), (x[:, POINTS:], y[:, POINTS:])
    pool = images().astype(np.float64)
    classes = np.stack([source.permutation(CLASSES)[:WAYS] for _ in range(tasks)])
    labels = np.tile(np.arange(WAYS), (tasks, 1))
    return (pool[classes, 0], labels), (pool[classes, 1], labels)
