"""Pytrees are walked through as torch does it."""

from collections import OrderedDict
from typing import Any, NamedTuple

import pytest
import torch
from torch.utils._pytree import tree_leaves, tree_map

from labkit.core.pytrees import filled, leaves, map_leaves


class Pair(NamedTuple):
    one: Any
    two: Any


TREES: dict[str, Any] = {
    "leaf": torch.ones(2),
    "nothing": None,
    "nested": {"z": torch.ones(1), "a": [torch.zeros(2), (torch.ones(3), None)]},
    "named": Pair(torch.ones(1), {"b": Pair(torch.zeros(1), 3)}),
    "ordered": OrderedDict(b=torch.ones(1), a=[torch.zeros(2)]),
    "empty": {"a": [], "b": ()},
}


@pytest.mark.parametrize("name", TREES)
def test_as_torch(name: str) -> None:
    tree = TREES[name]
    ours, theirs = leaves(tree), tree_leaves(tree)
    assert len(ours) == len(theirs)
    assert all(one is two for one, two in zip(ours, theirs, strict=True))
    mapped = map_leaves(id, tree)
    assert mapped == tree_map(id, tree)
    assert type(mapped) is type(tree_map(id, tree))


def test_filled_by_position() -> None:
    template = Pair({"w": 1, "b": None}, [0])
    assert filled(template, ["zero", "one"]) == Pair({"w": "one", "b": None}, ["zero"])
