"""Tasks one after another: where torch cannot run a loss side by side, and what is said of it."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from labkit import IMAML, MAML, Algorithm, LoopWarning, adaptation_curve, meta_gradient
from labkit.core import vectorize
from labkit.core.vectorize import TasksError, map_tasks

THETA = {"w": torch.tensor(4.0, dtype=torch.float64)}
SUPPORT = torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64)
QUERY = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test hears of a loop as if it were the first."""
    monkeypatch.setattr(vectorize, "_SAID", set())


def square(params: dict[str, Tensor], target: Tensor) -> Tensor:
    return (params["w"] - target).square() / 2


def branching(params: dict[str, Tensor], target: Tensor) -> Tensor:
    return square(params, target) if target > 0 else 3 * square(params, target)


def reading(params: dict[str, Tensor], target: Tensor) -> Tensor:
    return square(params, target) * (1.0 if target.item() > 0 else 3.0)


def listing(params: dict[str, Tensor], target: Tensor) -> Tensor:
    value: Any = target.tolist()
    return square(params, target) * (1.0 if value > 0 else 3.0)


def masking(params: dict[str, Tensor], target: Tensor) -> Tensor:
    both = torch.stack([square(params, target)] * 3)
    return both[torch.stack([target > 0, target <= 0, target <= 0])].sum() * torch.where(
        target > 0, 1, 1.5
    )


def writing(params: dict[str, Tensor], target: Tensor) -> Tensor:
    out = torch.zeros(2, dtype=target.dtype)
    out[0] = square(params, target)
    return out.sum() * torch.where(target > 0, 1.0, 3.0)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (branching, "branches on|reads values"),
        (reading, "reads values"),
        (listing, r"`\.tolist\(\)`"),
        (masking, "boolean mask"),
        (writing, "in place"),
    ],
)
def test_a_loop_by_hand(loss: Any, words: str) -> None:
    """a = 3 for c ≤ 0, else 1: θ' = θ − α a (θ − c), and ∂/∂θ = b (1 − α a)(θ' − d), b = 1."""
    data = (loss, THETA, SUPPORT, QUERY)
    with pytest.warns(LoopWarning, match=f"the loss function .*({words}).* 3 times slower"):
        result = meta_gradient(*data, alpha=0.1, inner_steps=1)
    a = torch.where(SUPPORT > 0, 1.0, 3.0)
    adapted = 4 - 0.1 * a * (4 - SUPPORT)
    assert_close(result.params["w"], ((1 - 0.1 * a) * (adapted - QUERY)).mean())
    assert_close(result.task_losses, (adapted - QUERY).square() / 2)
    # said once
    again = meta_gradient(*data, alpha=0.1, inner_steps=1)
    assert_close(again.params, result.params, rtol=0, atol=0)
    with pytest.raises(ValueError, match=f"({words}).*vectorize='auto'"):
        meta_gradient(*data, alpha=0.1, inner_steps=1, vectorize=True)


def test_a_chosen_loop_says_nothing() -> None:
    result = meta_gradient(
        reading, THETA, SUPPORT, QUERY, alpha=0.1, inner_steps=1, vectorize=False, task_chunk=2
    )
    assert result.task_losses.shape == (3,)


def test_the_line_shows_who_called() -> None:
    with pytest.warns(LoopWarning) as warned:
        adaptation_curve(MAML(0.1), branching, THETA, SUPPORT, QUERY)
    assert warned[0].filename == __file__
    assert "\n" not in str(warned[0].message)


def test_where_a_loop_is_an_error_it_stays_one() -> None:
    for _ in range(2):
        with pytest.raises(LoopWarning):  # as warnings are errors here
            meta_gradient(branching, THETA, SUPPORT, QUERY, alpha=0.1, inner_steps=1)


def test_errors_of_the_loss_itself_come_as_they_are() -> None:
    def wrong(params: dict[str, Tensor], target: Tensor) -> Tensor:
        return params["w"] @ target

    with pytest.raises(RuntimeError, match="both arguments to matmul"):
        meta_gradient(wrong, THETA, SUPPORT, QUERY, alpha=0.1, inner_steps=1)

    def missing(params: dict[str, Tensor], target: Tensor) -> Tensor:
        return params["v"] - target

    with pytest.raises(KeyError):
        meta_gradient(missing, THETA, SUPPORT, QUERY, alpha=0.1, inner_steps=1)


def input_gradient(params: dict[str, Tensor], target: Tensor) -> Tensor:
    x = target.detach().requires_grad_()
    (slope,) = torch.autograd.grad(params["w"] * x, x, create_graph=True)
    return slope.square()


def twice(params: dict[str, Tensor], target: Tensor) -> Tensor:
    logits = params["w"] * torch.stack([target, target + 1])[None]
    return torch.nn.functional.multi_margin_loss(logits, torch.tensor([1]))


KEPT = torch.zeros((), dtype=torch.float64)


def outside(params: dict[str, Tensor], target: Tensor) -> Tensor:
    KEPT.add_(params["w"].detach() * 0)
    return square(params, target) + KEPT


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("way", ["auto", True, False])
@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (input_gradient, r"calls torch.autograd.grad.*Take torch.func.grad"),
        (twice, "uses multi_margin_loss, which torch differentiates once.*Take order=1"),
        (outside, "writes .*in place.*Return a new tensor|in place"),
    ],
)
def test_what_torch_cannot_do_at_all_names_the_remedy(loss: Any, words: str, way: Any) -> None:
    with pytest.raises(TasksError, match=words):
        meta_gradient(loss, THETA, SUPPORT, QUERY, alpha=0.1, inner_steps=1, vectorize=way)


def test_random_numbers_differ_from_task_to_task_or_are_refused() -> None:
    def noisy(params: dict[str, Tensor], target: Tensor) -> Tensor:
        return (params["w"] - target * 0 - torch.rand((), dtype=target.dtype)).square()

    with torch.random.fork_rng():
        result = MAML(0.1).meta_gradient(noisy, THETA, SUPPORT, QUERY, vectorize=False)
    assert len(set(result.task_losses.tolist())) == 3
    cases: list[tuple[Algorithm, dict[str, Any]]] = [
        (IMAML(), {}),
        (MAML(0.1), {"checkpoint": True}),
    ]
    for algorithm, options in cases:
        with (
            torch.random.fork_rng(),
            pytest.raises(ValueError, match=r"draws random numbers.*eval mode"),
        ):
            algorithm.meta_gradient(noisy, THETA, SUPPORT, QUERY, vectorize=False, **options)


def test_structures_come_back() -> None:
    def one(x: Tensor) -> Any:
        return {"a": x.sum(), "b": [x, None]}

    mapped = map_tasks(one, torch.eye(2), vectorize=False)
    assert mapped["b"][1] is None
    assert_close(mapped["a"], torch.ones(2))
    assert_close(mapped["b"][0], torch.eye(2))
    (single,) = map_tasks(lambda x: (x + 1,), torch.zeros(1, 2), vectorize=False)
    assert_close(single, torch.ones(1, 2))


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="vectorize must be 'auto', True or False, got 'loop'"):
        meta_gradient(
            square,
            THETA,
            SUPPORT,
            QUERY,
            alpha=0.1,
            inner_steps=1,
            vectorize="loop",  # type: ignore[arg-type]
        )
    with pytest.warns(UserWarning, match="nested tensors is in prototype"):
        nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    with pytest.raises(ValueError, match="nested tensor: pad it, and give a mask"):
        meta_gradient(square, THETA, nested, nested, alpha=0.1, inner_steps=1)
