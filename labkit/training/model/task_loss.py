"""A module and a task family as the loss function that the core takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, Self, final

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from labkit.core import Algorithm, Draws, Params, ProtoMAML, TasksError, refusal_of, tree_map
from labkit.tasks import (
    LabelledFamily,
    MeasuredFamily,
    Padded,
    Predictor,
    StepwiseFamily,
    TaskBatch,
    TaskFamily,
)
from labkit.training.model.batch_norm import StepBatchNorm

RESERVED = ("loss", "inner_step", "query_loss", "ci95", "median", "diverged")
"""Names that results and panels have for the loss."""


@final
@dataclass(frozen=True, slots=True)
class TaskLoss:
    """(params, batch of one task) → 0-d loss, by running a module with those parameters.

    Attributes:
        model: The module; its own parameters are not read.
        constants: Frozen parameters and buffers, name → tensor.
        names: Those of θ.
        family: What compares predictions with data.
        pointwise: The loss of a task is the mean over its points of the loss of each alone, see
            `is_pointwise`; then tasks of different sizes, padded, can go side by side.
        step: Of the inner loop, for data that are drawn with the parameters.
    """

    model: nn.Module
    constants: Params
    names: frozenset[str]
    family: TaskFamily
    pointwise: bool = False
    step: int = 0

    def __call__(self, params: Params, batch: Any) -> Tensor:
        """The family's loss of f with these parameters."""
        predict = self.predictor(params)
        batch = self.draw(params, batch)
        if isinstance(batch, Padded) and self.pointwise:
            return self._masked_mean(predict, batch)
        return self.family.loss(predict, self._alone(batch))

    def needs_sizes(self, algorithm: Algorithm | None, *parts: Any) -> bool:
        """Whether data have tasks of different sizes that cannot go side by side.

        Without an algorithm only the loss counts. ProtoMAML's prototypes are means over the points
        of each class alone.
        """
        together = self.pointwise and not isinstance(algorithm, ProtoMAML)
        return not together and any(isinstance(part, Padded) for part in parts)

    def measure(self, params: Params, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and the family's other measures, with one forward for both."""
        batch = self._alone(self.draw(params, batch))
        predict = _remembering(self.predictor(params))
        loss = self.family.loss(predict, batch)
        if not isinstance(self.family, MeasuredFamily):
            return loss, {}
        return loss, _measures(self.family, predict, batch)

    def draw(self, params: Params, data: Any) -> Any:
        """The batch of one task: the data, or what the family draws by f with these parameters."""
        if not isinstance(data, Draws):
            return data
        return data.at(self.predictor(params), self.step, params)

    def predictor(self, params: Params) -> Predictor:
        """The function f with these parameters bound: what the module's forward would return."""
        if params.keys() != self.names:
            raise ValueError(
                f"params must name every parameter of {type(self.model).__name__} that is learned; "
                f"missing {sorted(self.names - params.keys())}, unknown "
                f"{sorted(params.keys() - self.names)}"
            )
        everything = {**self.constants, **params}
        return lambda *args, **kwargs: functional_call(self.model, everything, args, kwargs)

    def at_step(self, step: int) -> Self:
        """The loss at one inner step.

        It differs for a `StepwiseFamily`, for batch norm with statistics per step, and on data that
        are drawn with the parameters.
        """
        names = [n for n, m in self.model.named_modules() if isinstance(m, StepBatchNorm)]
        family = self.family
        if isinstance(family, StepwiseFamily):
            family = family.at_step(step)
        if not names and family is self.family and step == self.step:
            return self
        steps = {f"{name}.step" if name else "step": torch.tensor(step) for name in names}
        return replace(self, constants={**self.constants, **steps}, family=family, step=step)

    def embed(self, params: Params, batch: Any, head: str) -> tuple[Tensor, Tensor]:
        """The inputs of the layer of `head`, (points, features), and the labels, (points,).

        Raises:
            ValueError: The family has no labels, or the layer does not take one vector per point.
        """
        if not isinstance(self.family, LabelledFamily):
            raise ValueError(
                f"{type(self.family).__name__} does not tell the labels of a batch: give it a "
                "method labels(batch) -> (points,), which ProtoMAML needs"
            )
        batch = self._alone(batch)
        labels = self.family.labels(batch)
        if not isinstance(labels, Tensor) or labels.ndim != 1 or labels.is_floating_point():
            shape = f", {tuple(labels.shape)}" if isinstance(labels, Tensor) else ""
            raise ValueError(
                f"labels(batch) must be a tensor of whole numbers, (points,), got {labels!r}{shape}"
            )
        with _inputs(self.model.get_submodule(head.rpartition(".")[0])) as seen:
            self(params, batch)
        if len(seen) != 1 or seen[0].shape[:-1] != labels.shape:
            raise ValueError(
                f"the layer of {head} must run once, on (points, features) with points = "
                f"{tuple(labels.shape)}; it got {[tuple(x.shape) for x in seen]}"
            )
        return seen[0], labels

    def _masked_mean(self, predict: Predictor, batch: Padded) -> Tensor:
        """Mean over the points of a task, (1/P) Σ_p L(point p), without those that pad it."""

        def of_point(point: Any) -> Tensor:
            return self.family.loss(predict, tree_map(lambda tensor: tensor[None], point))

        losses = vmap(of_point, randomness="different")(batch.values)  # (points,)
        return (losses * batch.mask).sum() / batch.mask.sum()

    def _alone(self, batch: Any) -> Any:
        """The data of one task, without points that pad it.

        Raises:
            ValueError: Tasks of different sizes are side by side.
        """
        if not isinstance(batch, Padded):
            return batch
        try:
            return batch.alone()
        except RuntimeError as error:
            raise TasksError(
                f"has tasks of different sizes, and by {type(self.model).__name__} is no mean over "
                "points that are computed alone",
                "Take vectorize='auto' or False, which computes tasks one after another, or "
                "learner.meta_gradient(batch), which computes those of one size together",
                side_by_side=True,
                who=f"the loss of {type(self.family).__name__}",
            ) from error


def is_pointwise(loss_fn: TaskLoss, params: Params, batch: TaskBatch) -> bool:
    """Whether the loss of padded tasks, as a mean over their points, is that of each task alone.

    It is not with batch norm or attention over the points, a loss that is a sum or a root, or
    randomness such as dropout's. At a point near θ, since θ may start from zeros.

    Args:
        loss_fn: Module and family.
        params: θ.
        batch: Some tasks, on which to compare.
    """
    generator = torch.Generator().manual_seed(0)
    theta = {
        name: p + 0.1 * torch.randn(p.shape, generator=generator).to(p)
        for name, p in params.items()
    }
    half = (torch.float16, torch.bfloat16)
    if any(p.dtype in half for p in params.values()):  # too coarse to compare in
        theta, constants, support, query = tree_map(
            lambda tensor: tensor.float() if tensor.dtype in half else tensor,
            (theta, loss_fn.constants, batch.support, batch.query),
        )
        loss_fn, batch = replace(loss_fn, constants=constants), TaskBatch(support, query)
    alone, together = replace(loss_fn, pointwise=False), replace(loss_fn, pointwise=True)
    compared = False
    for part in (batch.support, batch.query):
        if not isinstance(part, Padded):
            continue
        for task in range(len(part.mask)):
            one = tree_map(itemgetter(task), part)
            try:
                with torch.no_grad():
                    losses = alone(theta, one), together(theta, one)
            except (RuntimeError, ValueError, IndexError):
                return False  # such as batch norm, which has no statistics of a single point
            if not torch.allclose(*losses, rtol=torch.finfo(losses[0].dtype).eps ** 0.5, atol=0):
                return False
            # of a single point, a mean is no different from a sum
            compared = compared or int(one.mask.sum()) > 1
    return compared


def predictors_along(
    algorithm: Algorithm, loss_fn: TaskLoss, params: Params, one: TaskBatch
) -> list[Predictor]:
    """F after 0 … K inner steps on a batch of one task."""
    support = tree_map(lambda tensor: tensor[0], one.support)
    path = algorithm.adapt(loss_fn, params, support).path
    return [loss_fn.at_step(step).predictor(theta) for step, theta in enumerate(path)]


def _measures(family: MeasuredFamily, predict: Predictor, batch: Any) -> dict[str, Tensor]:
    """The family's measures, or an error that says what is wrong with them."""
    name = f"{type(family).__name__}.metrics"
    try:
        measures = family.metrics(predict, batch)
    except RuntimeError as error:
        raise refusal_of(error).of(name) from error
    if not isinstance(measures, dict):
        raise ValueError(f"{name} must return a dict name → 0-d tensor, got {measures!r}"[:300])
    for measure, value in measures.items():
        if not isinstance(value, Tensor) or value.ndim or value.is_complex():
            got = tuple(value.shape) if isinstance(value, Tensor) else repr(value)
            raise ValueError(f"{name}: {measure!r} must be a real 0-d tensor, got {got}"[:300])
        if measure in RESERVED or measure.endswith("_ci95"):
            raise ValueError(
                f"{name}: no measure may have the name {measure!r}, which means something else in "
                f"results; the same holds for {', '.join(RESERVED)} and *_ci95"
            )
    return measures


def _remembering(predict: Predictor) -> Predictor:
    """The same function, which returns its earlier output for the very same objects."""
    calls: list[tuple[list[Any], Any]] = []

    def remembered(*args: Any, **kwargs: Any) -> Any:
        objects = [*args, *(part for item in sorted(kwargs.items()) for part in item)]
        for seen, output in calls:
            if len(seen) == len(objects) and all(
                a is b for a, b in zip(seen, objects, strict=True)
            ):
                return output
        calls.append((objects, predict(*args, **kwargs)))
        return calls[-1][1]

    return remembered


@contextmanager
def _inputs(module: nn.Module) -> Iterator[list[Tensor]]:
    """The inputs of a module while the block runs."""
    seen: list[Tensor] = []
    handle = module.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    try:
        yield seen
    finally:
        handle.remove()
