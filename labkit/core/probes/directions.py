"""Which way the algorithms go: the direction of each task, and the angles between algorithms."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import vmap

from labkit.core.algorithms import MAML, Algorithm, Reptile
from labkit.core.checks import count_tasks
from labkit.core.linalg import angle_between, as_vector, length, ratio
from labkit.core.pytrees import tree_map
from labkit.core.types import Alpha, Batch, LossFn, Params
from labkit.core.vectorize import Vectorize, for_tasks, map_tasks


@dataclass(frozen=True, slots=True)
class Directions:
    """What `compare_directions` returns; axes of length 3 are in the order of `names`.

    A vector of zeros has no direction: its angles, and ratios to its norm, are nan.

    Attributes:
        names: "exact", "first order" and "Reptile".
        angles: Between the directions of each task, degrees in [0, 180], shape (tasks, 3, 3).
        mean_angles: Between the means of the directions over the tasks, shape (3, 3).
        norms: Of the directions of each task, shape (tasks, 3).
        mean_norms: Of the means over the tasks, shape (3,).
    """

    names: tuple[str, ...]
    angles: Tensor
    mean_angles: Tensor
    norms: Tensor
    mean_norms: Tensor

    def angle(self, one: str, other: str) -> Tensor:
        """Degrees between two directions of each task, shape (tasks,)."""
        return self.angles[:, self._index(one), self._index(other)]

    def mean_angle(self, one: str, other: str) -> Tensor:
        """Degrees between the means of two directions over the tasks, 0-d."""
        return self.mean_angles[self._index(one), self._index(other)]

    def norm_ratio(self, one: str, to: str) -> Tensor:
        """‖one‖ / ‖to‖ of each task, shape (tasks,)."""
        return ratio(self.norms[:, self._index(one)], self.norms[:, self._index(to)])

    def mean_norm_ratio(self, one: str, to: str) -> Tensor:
        """‖one‖ / ‖to‖ of the means over the tasks, 0-d."""
        return ratio(self.mean_norms[self._index(one)], self.mean_norms[self._index(to)])

    def _index(self, name: str) -> int:
        if name not in self.names:
            raise ValueError(f"a direction is one of {', '.join(self.names)}, got {name!r}")
        return self.names.index(name)


def task_gradients(
    algorithm: Algorithm,
    loss_fn: LossFn,
    params: Params,
    support: Batch,
    query: Batch,
    *,
    vectorize: Vectorize = "auto",
) -> Params:
    """What would move θ if a task were alone, for each task of a batch.

    d_i is the algorithm's meta-gradient on task i; their mean over i is that of the batch.

    Args:
        algorithm: Any algorithm.
        loss_fn: (params, batch of one task) → 0-d loss.
        params: θ, name → tensor.
        support: Pytree of tensors whose first axis is the task, (tasks, shots, …).
        query: Pytree of tensors whose first axis is the task, (tasks, queries, …).
        vectorize: As for `labkit.meta_gradient`.

    Returns:
        Like `params` with a first axis for the task, (tasks, …).

    Raises:
        ValueError: As for `labkit.meta_gradient`.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, the summands of Algorithm 1 line 8.

    Example:
        L_support = w²/2, L_query = (w − d)²/2: (1 − α)(θ' − d) with θ' = 2.

        >>> loss = lambda p, target: ((p["w"] - target) ** 2).sum() / 2
        >>> tasks = torch.zeros(2), torch.tensor([0.0, 1.0])
        >>> task_gradients(MAML(alpha=0.5), loss, {"w": torch.tensor(4.0)}, *tasks)
        {'w': tensor([1.0000, 0.5000])}
    """

    def compute(side_by_side: bool) -> Params:
        def one(support: Batch, query: Batch) -> Params:
            alone = tree_map(lambda tensor: tensor.unsqueeze(0), (support, query))
            return algorithm.meta_gradient(loss_fn, params, *alone, vectorize=side_by_side).params

        return map_tasks(one, support, query, vectorize=side_by_side)

    tasks = count_tasks(support, query)
    params = {name: p.detach() for name, p in params.items()}  # measured, not differentiated
    return for_tasks(compute, vectorize, tasks)


def compare_directions(
    loss_fn: LossFn,
    params: Params,
    support: Batch,
    query: Batch,
    *,
    alpha: Alpha,
    inner_steps: int,
    vectorize: Vectorize = "auto",
) -> Directions:
    """Compare exact MAML, first-order MAML and Reptile: angles and lengths of their directions.

    With M_k = I − α_k H_k: exact M_0 … M_{K−1} g_q, first order g_q, Reptile θ − θ_K, where g_q
    is the gradient of the query loss at θ_K.

    Args:
        loss_fn: (params, batch of one task) → 0-d loss.
        params: θ, name → tensor.
        support: Pytree of tensors whose first axis is the task, (tasks, shots, …).
        query: Pytree of tensors whose first axis is the task, (tasks, queries, …).
        alpha: α, in any form that `adapt` takes.
        inner_steps: K; with 0 Reptile's direction is 0.
        vectorize: As for `labkit.meta_gradient`.

    Returns:
        `Directions`: angles in degrees and norms, of each task and of the means.

    Raises:
        ValueError: As for `labkit.meta_gradient`.

    Source:
        Nichol, Achiam, Schulman 2018, arXiv:1803.02999, §5.1, compares them in expectation; angles
        as in `labkit.core.linalg.vectors.angle_between`.

    Example:
        One step of α = 1 on L_support = w₂²/2 from (1, 1) leads to (1, 0). With g_q = (1, 1) the
        exact direction is (1, 0), and Reptile's (0, 1).

        >>> loss = lambda p, task: (task[0] * (p["w"] - task[1]) ** 2).sum() / 2
        >>> support = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 0.0]])
        >>> query = torch.tensor([[1.0, 1.0]]), torch.tensor([[0.0, -1.0]])
        >>> found = compare_directions(
        ...     loss, {"w": torch.ones(2)}, support, query, alpha=1.0, inner_steps=1
        ... )
        >>> found.angle("exact", "first order"), found.angle("exact", "Reptile")
        (tensor([45.]), tensor([90.]))
        >>> found.norm_ratio("first order", to="exact")     # √2
        tensor([1.4142])
    """
    algorithms: dict[str, Algorithm] = {
        "exact": MAML(alpha, inner_steps, order=2),
        "first order": MAML(alpha, inner_steps, order=1),
        "Reptile": Reptile(alpha, inner_steps),
    }

    def compute(side_by_side: bool) -> list[Tensor]:
        data = (loss_fn, params, support, query)
        gradients = [
            task_gradients(algorithm, *data, vectorize=side_by_side)
            for algorithm in algorithms.values()
        ]
        return [vmap(as_vector)(gradient) for gradient in gradients]

    vectors = for_tasks(compute, vectorize, count_tasks(support, query))
    return compare_vectors(dict(zip(algorithms, vectors, strict=True)))


def compare_vectors(vectors: Mapping[str, Tensor]) -> Directions:
    """Angles and lengths of directions that are known already.

    Args:
        vectors: Name → the direction of each task, (tasks, elements).

    Example:
        >>> found = compare_vectors({"a": torch.tensor([[1.0, 0.0]]), "b": torch.eye(2)[1:] * 2})
        >>> found.mean_angle("a", "b"), found.mean_norm_ratio("b", to="a")
        (tensor(90.), tensor(2.))
    """
    means = [v.mean(0) for v in vectors.values()]
    return Directions(
        names=tuple(vectors),
        angles=_angles([*vectors.values()]),
        mean_angles=_angles(means),
        norms=torch.stack([length(v) for v in vectors.values()], -1),
        mean_norms=torch.stack([length(v) for v in means], -1),
    )


def _angles(vectors: list[Tensor]) -> Tensor:
    rows = [torch.stack([angle_between(u, v) for v in vectors], -1) for u in vectors]
    return torch.stack(rows, -2)
