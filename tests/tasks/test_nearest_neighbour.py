"""Nearest neighbours, against a loop over points."""

import pytest
import torch

from labkit import nearest_neighbour


def test_against_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    support = torch.rand(4, 6, 3, 5, 5, generator=generator)
    query = torch.rand(4, 7, 3, 5, 5, generator=generator)
    labels = torch.randint(3, (4, 6), generator=generator)
    result = nearest_neighbour(support, labels, query)
    for task in range(4):
        for point in range(7):
            distances = [float(((query[task, point] - s) ** 2).sum()) for s in support[task]]
            nearest = distances.index(min(distances))
            assert result[task, point] == labels[task, nearest]


@pytest.mark.parametrize("query", [(3, 7, 5), (4, 7, 6), (4, 5)])
def test_shapes_that_do_not_fit(query: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="x_query"):
        nearest_neighbour(torch.zeros(4, 6, 5), torch.zeros(4, 6).long(), torch.zeros(query))


def test_small_distances_between_large_numbers() -> None:
    x = 1000 + torch.randn(1, 60, 4, generator=torch.Generator().manual_seed(0)) / 100
    y = torch.arange(60)[None]
    assert torch.equal(nearest_neighbour(x, y, x), y)
