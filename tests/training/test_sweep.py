"""Modules and losses of many kinds, each kind with each other; all of them: tests.sweep."""

import re
from typing import Any

import pytest
from allpairspy import AllPairs

from labkit.core.types import Order
from tests.sweep import LOSSES, MODULES, verdict

LOOPED_MODULES = ["LSTM", "GRUCell", "experts by boolean mask"]
LOOPED_LOSSES = ["gaussian nll", "boolean mask", "a branch on the loss"]
AXES: list[list[Any]] = [
    ["MLP, tanh", "BatchNorm2d", "Embedding", *LOOPED_MODULES],
    ["mse", "cross entropy, soft labels", *LOOPED_LOSSES],
    [0, 1, 2],
    [1, 2],
]


@pytest.mark.parametrize(
    ("module", "loss", "inner_steps", "order"), [tuple(pair) for pair in AllPairs(AXES)]
)
def test_against_autograd(module: str, loss: str, inner_steps: int, order: Order) -> None:
    looped = module in LOOPED_MODULES or loss in LOOPED_LOSSES
    assert verdict(module, loss, inner_steps, order)[0] == ("looped" if looped else "exact")


@pytest.mark.parametrize(
    ("module", "loss", "words"),
    [
        ("attention, fused", "mse", "the model Three uses fused attention.*SDPBackend.MATH"),
        ("EmbeddingBag", "mse", "the model Three uses embedding_bag, which torch .* once"),
        ("MLP, tanh", "ctc", "the loss of Family uses ctc_loss, which torch .* once"),
        ("LSTM", "multi-margin", "the loss of Family uses multi_margin_loss"),
    ],
)
def test_what_is_refused_names_the_model_or_the_loss(module: str, loss: str, words: str) -> None:
    result, said = verdict(module, loss)
    assert result == "refused"
    assert re.search(words, said)
    assert verdict(module, loss, order=1)[0] in ("exact", "looped")


def test_the_sweep_is_whole() -> None:
    assert (len(MODULES), len(LOSSES)) == (44, 32)
