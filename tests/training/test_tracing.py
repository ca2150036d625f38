"""Operations as they are written down: which are taken, and which refused."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.fx import GraphModule

from labkit.training.engine.recording import Recording
from labkit.training.engine.tracing import traced

X = torch.tensor([[1.0, -2.0], [3.0, 0.5]])


def again(function: Callable[[Tensor], list[Tensor]], x: Tensor) -> list[Tensor]:
    """What was traced on zeros, done on `x`."""
    graph, others = traced(function, [torch.zeros_like(x)])
    results: list[Tensor] = GraphModule({}, graph)(x, *others)
    return results


def test_operations_of_several_outputs() -> None:
    def function(x: Tensor) -> list[Tensor]:
        largest, places = x.max(dim=1)
        return [largest * 2, places, *torch.var_mean(x)]

    for one, two in zip(again(function, X), function(X), strict=True):
        assert torch.equal(one, two)


def test_tensors_beside_the_arguments_are_read_anew() -> None:
    beside = torch.tensor([1.0, 2.0])
    graph, others = traced(lambda x: [x + beside, x * beside], [X])
    assert len(others) == 1
    assert others[0] is beside
    beside += 10
    assert torch.equal(GraphModule({}, graph)(X, *others)[0], X + torch.tensor([11.0, 12.0]))


def test_a_view_that_is_written_to() -> None:
    def function(x: Tensor) -> list[Tensor]:
        whole = x * 2
        whole[0].add_(1)
        return [whole, whole.t() * 1.5]

    for one, two in zip(again(function, X), function(X), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: [x * float(x.sum())],
        lambda x: [x[x > 0]],
        lambda x: [x * len(torch.unique(x))],
        lambda x: [x if torch.equal(x, x.t()) else -x],
    ],
)
def test_what_numbers_decide_is_refused(function: Callable[[Tensor], list[Tensor]]) -> None:
    with pytest.raises(RuntimeError, match="depends on numbers"):
        traced(function, [X])


def test_who_writes_to_a_tensor_of_others_is_refused() -> None:
    seen = torch.zeros(())

    def function(x: Tensor) -> list[Tensor]:
        seen.add_(1)
        return [x * seen]

    with pytest.raises(RuntimeError, match="this function has not created"):
        traced(function, [X])


def test_equal_operations_are_done_once_but_what_comes_out_and_what_is_drawn() -> None:
    def function(x: Tensor) -> tuple[Tensor, ...]:
        return (
            x.exp() * x.exp(),
            x.sin(),
            x.sin(),
            torch.mul(x, 3).cos() - torch.mul(x, 3.0).cos(),
            torch.rand_like(x) - torch.rand_like(x),
        )

    state = torch.get_rng_state()
    recorded = Recording(function, (torch.zeros_like(X),))
    names = [str(node.target) for node in recorded.graph.graph.nodes]
    result = recorded(X)
    torch.set_rng_state(state)
    counts = {name: names.count(f"aten.{name}.default") for name in ("exp", "sin", "rand_like")}
    # another kind of number is another operation
    assert counts == {"exp": 1, "sin": 2, "rand_like": 2}
    assert names.count("aten.mul.Tensor") == 3
    assert result[1] is not result[2]
    assert result[1].data_ptr() != result[2].data_ptr()
    assert (result[4] != 0).all()


def test_what_is_drawn_and_not_needed_moves_the_generator_all_the_same() -> None:
    def function(x: Tensor) -> Tensor:
        torch.rand_like(x)
        return x + torch.rand_like(x)

    state = torch.get_rng_state()
    recorded = Recording(function, (torch.zeros_like(X),))
    torch.set_rng_state(state)
    result = recorded(X)
    torch.set_rng_state(state)
    assert torch.equal(result, function(X))
    torch.set_rng_state(state)
