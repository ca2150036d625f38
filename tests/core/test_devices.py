"""No tensor is made on another device than that of θ: shown on torch's device without data."""

from typing import Any

import pytest
import torch
from torch.utils._pytree import tree_leaves, tree_map

from labkit import (
    ANIL,
    IMAML,
    MAML,
    Adam,
    Algorithm,
    JointTraining,
    LearnedAlpha,
    MetaSGD,
    Momentum,
    ProtoMAML,
    RandomInitialization,
    Reptile,
    compare_directions,
    gradient_variance,
)
from tests.core.networks import classification_problem

ALGORITHMS = [
    MAML(inner_steps=2),
    MAML(order=1, inner_optimizer=Adam(clip=1.0), inner_steps=2),
    MAML(inner_optimizer=Momentum(), inner_steps=2, loss_weights=[0.5, 0.5]),
    MAML(alpha=LearnedAlpha(granularity="tensor", per_step=True)),
    MetaSGD(),
    ANIL(head="head*"),
    ProtoMAML(head="head*"),
    Reptile(inner_steps=2),
    IMAML(inner_steps=2),
    JointTraining(),
    RandomInitialization(),
]


def elsewhere() -> Any:
    """A classification problem on the device "meta"; it refuses to meet tensors of the CPU."""
    loss_fn, *data = classification_problem()
    params, support, query = tree_map(lambda tensor: tensor.to("meta"), tuple(data))
    return loss_fn, params, support, query


@pytest.mark.parametrize("options", [{}, {"task_chunk": 2, "checkpoint": True}], ids=str)
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: type(a).__name__)
def test_algorithms(algorithm: Algorithm, options: dict[str, Any]) -> None:
    result = algorithm.meta_gradient(*elsewhere(), **options)
    leaves = [result.loss, result.task_losses, *result.params.values()]
    leaves += [leaf for leaf in tree_leaves(result.alpha) if leaf is not None]
    assert {leaf.device.type for leaf in leaves} == {"meta"}


def test_probes() -> None:
    problem = elsewhere()
    assert compare_directions(*problem, alpha=0.1, inner_steps=2).angles.device.type == "meta"
    assert gradient_variance(MAML(), *problem).total.device.type == "meta"


def test_a_tensor_of_the_cpu_would_be_noticed() -> None:
    with pytest.raises(RuntimeError, match=r"device|meta"):
        torch.ones(3) + torch.ones(3, device="meta")
