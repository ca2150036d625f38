"""`meta_gradient` hands its settings on, and keeps apart what must not be mixed up."""

from typing import Any

import pytest
from torch.testing import assert_close

from labkit import MAML, Momentum, meta_gradient
from tests.core.networks import curved_problem


def test_settings_are_handed_on() -> None:
    settings: dict[str, Any] = {
        "alpha": 0.1,
        "inner_steps": 2,
        "order": 1,
        "inner_optimizer": Momentum(0.5),
    }
    options: dict[str, Any] = {"reduction": "sum", "task_chunk": 2, "checkpoint": True}
    result = meta_gradient(*curved_problem(), **(settings | options))
    expected = MAML(**settings).meta_gradient(*curved_problem(), **options)
    assert_close(result.loss, expected.loss)
    assert_close(result.params, expected.params)
    assert_close(result.alpha, expected.alpha)


@pytest.mark.usefixtures("each_way")
def test_orders_differ_on_a_curved_loss() -> None:
    problem = curved_problem()
    first, second = (
        meta_gradient(*problem, alpha=0.1, inner_steps=3, order=order) for order in (1, 2)
    )
    one, two = first.params["first.weight"], second.params["first.weight"]
    assert not one.allclose(two, rtol=0.01)


@pytest.mark.usefixtures("each_way")
def test_support_and_query_are_not_mixed_up() -> None:
    loss_fn, params, support, query = curved_problem()
    right = meta_gradient(loss_fn, params, support, query, alpha=0.1, inner_steps=1)
    wrong = meta_gradient(loss_fn, params, support, support, alpha=0.1, inner_steps=1)
    assert float(right.loss) != pytest.approx(float(wrong.loss), rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"reduction": "max"}, "reduction must be 'mean' or 'sum', got 'max'"),
        ({"inner_steps": -1}, "inner_steps must be"),
        ({"order": 0}, "order must be"),
        ({"alpha": [0.1, 0.1]}, "alpha has 2 entries for inner_steps=1"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        meta_gradient(*curved_problem(), **({"alpha": 0.1, "inner_steps": 1} | arguments))
