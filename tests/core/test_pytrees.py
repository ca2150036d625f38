"""Pytrees are walked through as torch does it."""

from collections import OrderedDict
from typing import Any, NamedTuple

import pytest
import torch
from torch.utils import _pytree

from labkit.core import tree_fill, tree_leaves, tree_map, tree_positions


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
    ours, theirs = tree_leaves(tree), _pytree.tree_leaves(tree)
    assert len(ours) == len(theirs)
    assert all(one is two for one, two in zip(ours, theirs, strict=True))
    mapped, expected = tree_map(id, tree), _pytree.tree_map(id, tree)
    assert mapped == expected
    assert type(mapped) is type(expected)
    pairs = tree_map(lambda one, two: (id(one), id(two)), tree, tree)
    assert pairs == _pytree.tree_map(lambda leaf: (id(leaf), id(leaf)), tree)


def test_fill_by_position() -> None:
    template = Pair({"w": 1, "b": None}, [0])
    assert tree_fill(template, ["zero", "one"]) == Pair({"w": "one", "b": None}, ["zero"])


@pytest.mark.parametrize("name", TREES)
def test_positions_lead_back(name: str) -> None:
    tree = TREES[name]
    leaves = [leaf for leaf in tree_leaves(tree) if leaf is not None]
    again = tree_fill(tree_positions(tree), leaves)
    assert type(again) is type(tree)
    pairs = zip(tree_leaves(again), tree_leaves(tree), strict=True)
    assert all(one is two for one, two in pairs)
