"""Named streams are reproducible and do not disturb each other."""

import pytest
import torch

from labkit.training.model.randomness import stream


def draw(seed: int, name: str) -> torch.Tensor:
    return torch.rand(1000, generator=stream(seed, name))


def test_same_seed_and_name_give_the_same_stream() -> None:
    assert torch.equal(draw(3, "tasks"), draw(3, "tasks"))


@pytest.mark.parametrize("other", [(4, "tasks"), (3, "init"), (3, "task")])
def test_other_streams_are_independent(other: tuple[int, str]) -> None:
    pair = torch.stack([draw(3, "tasks"), draw(*other)])
    # the correlation of 1000 independent pairs is beyond 0.15 once in a million times
    assert abs(float(torch.corrcoef(pair)[0, 1])) < 0.15


@pytest.mark.parametrize("seed", [-1, 1.0, True, "0"])
def test_bad_seed(seed: int) -> None:
    with pytest.raises(ValueError, match="seed must be a whole number ≥ 0, got"):
        stream(seed, "tasks")
