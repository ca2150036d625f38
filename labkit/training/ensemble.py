"""Many learners that differ in α and β, trained side by side on the same tasks."""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from labkit.core import (
    Algorithm,
    LearnedAlpha,
    Params,
    Reduction,
    Vectorize,
    alpha_tensors,
    check_count,
    is_number,
    map_tasks,
    tree_map,
)
from labkit.tasks import TaskFamily
from labkit.training.checkpoint_file import invalid, read_checkpoint, write_checkpoint
from labkit.training.checkpoints import check_parts, check_stream
from labkit.training.engine import Engine, EngineName
from labkit.training.meta_learner import MetaLearner
from labkit.training.model import ModelSource, TaskLoss, own_module, split_parameters, stream
from labkit.training.step import (
    ByValueOrIdentity,
    Measurement,
    MetaOptimizer,
    MetaState,
    Slot,
    StepOutput,
    UpdateRule,
    WholeStep,
    draw_inputs,
    kind_of,
    optimizer_rule,
    optimizer_state,
)

ENSEMBLE = "Ensemble"

TOGETHER = 4
"""Learners in one call on a CPU; the data of more of them would not fit its cache."""


class EnsembleStep(NamedTuple):
    """What one meta-step measured, for each learner on the same tasks.

    Attributes:
        loss_before: Query loss before adaptation, mean over the tasks, (learners,).
        loss_after: Query loss after adaptation, (learners,); nan once a learner has diverged.
    """

    loss_before: Tensor
    loss_after: Tensor


@final
class Ensemble:
    """Learners with one α and one β each, such as a map over the two needs.

    Every learner starts from the same θ and sees the same tasks, so only α and β differ; each does
    what a `MetaLearner` with its values does. A learner whose numbers are no longer finite keeps
    its last θ, and the others continue.

    Args:
        model: As for `MetaLearner`; a module that draws random numbers is refused.
        tasks: p(T).
        algorithm: Of every learner; its own α is not used.
        alphas: α of each learner.
        betas: β of each learner, or one for all.
        meta_optimizer: As for `MetaLearner`, of the kinds that are recorded.
        meta_batch: Tasks per meta-step, ≥ 1.
        reduction: "mean" or "sum" over tasks.
        seed: ≥ 0; the streams are those of a `MetaLearner` with this seed.
        dtype: Floating-point type; None keeps the module's.
        engine: As for `MetaLearner`.
        vectorize: As for `MetaLearner`; one after another are then the learners too.

    Raises:
        ValueError: An argument is out of its range, or α is to be learned.

    Example:
        >>> from labkit import MAML, Sinusoid, sinusoid_mlp
        >>> ensemble = Ensemble(sinusoid_mlp, Sinusoid(), MAML(), alphas=[0.001, 0.01, 0.1])
        >>> ensemble.train(2)[-1].loss_after.shape
        torch.Size([3])
        >>> ensemble.learner(1).alpha
        0.01
    """

    def __init__(
        self,
        model: ModelSource,
        tasks: TaskFamily,
        algorithm: Algorithm,
        *,
        alphas: Sequence[float],
        betas: float | Sequence[float] = 1e-3,
        meta_optimizer: MetaOptimizer = "adam",
        meta_batch: int = 25,
        reduction: Reduction = "mean",
        seed: int = 0,
        dtype: torch.dtype | None = None,
        engine: EngineName = "eager",
        vectorize: Vectorize = "auto",
    ) -> None:
        self.alphas = _numbers("alphas", alphas)
        self.betas = _numbers("betas", [betas] * len(self.alphas) if is_number(betas) else betas)
        if len(self.betas) != len(self.alphas) or min(self.betas) < 0:
            raise ValueError(
                f"betas must be one number ≥ 0, or one for each of the {len(self.alphas)} alphas, "
                f"got {betas!r}"
            )
        if isinstance(algorithm.alpha, LearnedAlpha):
            raise ValueError(
                "the learners of an ensemble have fixed alphas, and this algorithm learns its own: "
                "train it with a MetaLearner"
            )
        self.algorithm = algorithm
        self.meta_step = 0
        self._options: dict[str, Any] = {
            "meta_optimizer": meta_optimizer,
            "meta_batch": meta_batch,
            "reduction": reduction,
            "seed": seed,
            "dtype": dtype,
        }
        own = own_module(model, stream(seed, "init"))
        # refuses what a learner refuses
        trial = MetaLearner(
            own, tasks, algorithm, engine=engine, vectorize=vectorize, **self._options
        )
        if trial.draws_random:
            raise ValueError(
                f"{type(own).__name__} draws random numbers in its forward, which would differ "
                "from those of a learner alone: put the module's dropout in eval mode, or train "
                "it with a MetaLearner"
            )
        self._options["vectorize"] = self._vectorized = trial.vectorized
        # a recording would repeat the sizes of the first tasks
        self._recorded = trial.vectorized and not trial.goes_by_size
        params, constants = split_parameters(own, dtype)
        pointwise = trial.loss_fn.pointwise
        self._loss_fn = TaskLoss(own, constants, frozenset(params), tasks, pointwise)
        self._task_stream = stream(seed, "tasks")
        rule = optimizer_rule(meta_optimizer, params, self.betas[0])
        if not rule.recordable:
            raise ValueError(
                f"learners of an ensemble are updated side by side, and {rule.label} updates one "
                "after another: take SGD, Adam, AdamW or RMSprop with one group of parameters"
            )
        self._layout, self._like = rule.layout(params), params
        self._rule_label = rule.label
        self._engine = Engine(engine)
        self._kind = (kind_of(algorithm), ByValueOrIdentity(tasks))
        measurement = Measurement(
            reduction,
            shared_data=False,
            task_chunk=None,
            checkpoint=False,
            vectorize=self._vectorized,
        )
        update = UpdateRule(self._layout, rule, None, None)
        self._step = WholeStep(algorithm, measurement, update, self._loss_fn)
        vectors = self._layout.flat(params)
        count = len(self.alphas)
        slots = [rule.start(vector) for vector in vectors]
        sizes = [alpha_tensors(a, algorithm.adapted(params), 1) for a in self.alphas]
        state = MetaState(
            theta=tree_map(lambda tensor: torch.stack([tensor] * count), slots),
            rows=[],
            sizes=torch.stack([size for size in sizes if isinstance(size, Tensor)]),
            betas=(torch.stack([rule.step_size(beta, vectors[0]) for beta in self.betas]),),
            finite=torch.ones(count, dtype=torch.bool, device=vectors[0].device),
        )
        blocks = math.ceil(count / TOGETHER) if vectors[0].device.type == "cpu" else 1
        self._blocks = _blocks(state, blocks)

    def __len__(self) -> int:
        """The number of learners."""
        return len(self.alphas)

    @property
    def diverged(self) -> Tensor:
        """Which learners are no longer finite and have stopped, (learners,)."""
        return ~torch.cat([block.finite for block in self._blocks])

    def step(self) -> EnsembleStep:
        """Draw tasks and update every learner once."""
        loss_fn = self._loss_fn
        meta_batch = self._options["meta_batch"]
        inputs = draw_inputs(
            loss_fn.family,
            meta_batch,
            self._task_stream,
            self._like,
            self.algorithm.inner_steps,
        )
        outputs = [self._run(inputs, loss_fn.constants, block) for block in self._blocks]
        self._blocks = [b.after(o) for b, o in zip(self._blocks, outputs, strict=True)]
        self.meta_step += 1
        losses = torch.cat([output.losses for output in outputs])  # (learners, 2)
        return EnsembleStep(losses[:, 0], torch.where(self.diverged, torch.nan, losses[:, 1]))

    def _run(self, inputs: Any, constants: Params, block: MetaState) -> StepOutput:
        """One meta-step of some learners."""

        def function(inputs: Any, constants: Params, block: MetaState) -> StepOutput:
            run = partial(self._step.run, inputs, constants)
            return map_tasks(run, block, vectorize=self._vectorized, randomness="error")

        if not self._recorded:
            return function(inputs, constants, block)
        result: StepOutput = self._engine.call(self._kind, function, inputs, constants, block)
        return result

    def train(self, meta_steps: int) -> list[EnsembleStep]:
        """Take `meta_steps` meta-steps; see `step`."""
        check_count("meta_steps", meta_steps, 0)
        return [self.step() for _ in range(meta_steps)]

    def params(self, index: int) -> Params:
        """θ of one learner, name → tensor: a copy."""
        vectors = [slot.value.clone() for slot in self._theta(index)]
        return self._layout.params(vectors)

    def learner(self, index: int) -> MetaLearner:
        """One learner as a `MetaLearner` in its present state, to test it or to train it further.

        Args:
            index: 0 … learners − 1.
        """
        alpha, beta = self.alphas[index], self.betas[index]
        algorithm = self.algorithm.with_alpha(alpha)
        loss_fn = self._loss_fn
        learner = MetaLearner(loss_fn.model, loss_fn.family, algorithm, beta=beta, **self._options)
        theta = self._theta(index)
        state = learner.state() | {
            "params": self.params(index),
            "optimizer": optimizer_state(self._layout, theta, [], [beta]),
            "tasks": self._task_stream.get_state(),
            "meta_step": self.meta_step,
        }
        learner.restore(state, "the ensemble")
        return learner

    def save(self, path: str | Path) -> None:
        """Write θ, the optimisers, the stream of tasks and the counter; `load` resumes exactly.

        The file is safetensors with a checksum, and is complete or absent.

        Args:
            path: Of the file; its folder exists.
        """
        state = self._whole()
        content = {
            "parts": self._parts(),
            "theta": [{"value": slot.value, "memory": slot.memory} for slot in state.theta],
            "finite": state.finite,
            "tasks": self._task_stream.get_state(),
            "meta_step": self.meta_step,
        }
        write_checkpoint(path, ENSEMBLE, content)

    def load(self, path: str | Path) -> None:
        """Resume from a file of `save`; training continues as if it had never stopped.

        Args:
            path: Of the file. Reading it runs no code, whoever wrote it.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file is damaged, no checkpoint of an ensemble or of a newer version, or
                it belongs to other learners; the message says which, and the ensemble is then
                unchanged.
        """
        content = read_checkpoint(path, ENSEMBLE)
        check_parts(content.get("parts"), self._parts(), path, ENSEMBLE)
        now = self._whole()
        own = {"theta": [list(slot) for slot in now.theta], "finite": now.finite}
        try:
            theta = [[slot["value"], slot["memory"]] for slot in content["theta"]]
            saved = {"theta": theta, "finite": content["finite"]}
            meta_step, tasks = content["meta_step"], content["tasks"]
        except (KeyError, TypeError) as error:
            raise invalid(path, ENSEMBLE, f"it holds no learners ({error})") from error
        if _forms(saved) != _forms(own):
            raise ValueError(
                f"{path} belongs to learners of another model: it holds {_forms(saved)}, these "
                f"have {_forms(own)}"
            )
        if type(meta_step) is not int or meta_step < 0:
            raise invalid(path, ENSEMBLE, f"its meta_step is no whole number ≥ 0 but {meta_step!r}")
        check_stream(tasks, path, ENSEMBLE)
        saved = tree_map(lambda tensor, like: tensor.to(like), saved, own)
        state = now._replace(theta=[Slot(*slot) for slot in saved["theta"]], finite=saved["finite"])
        self._blocks = _blocks(state, len(self._blocks))
        self._task_stream.set_state(tasks)
        self.meta_step = meta_step

    def _whole(self) -> MetaState:
        """The state of all learners."""
        whole: MetaState = tree_map(lambda *parts: torch.cat(parts), *self._blocks)
        return whole

    def _parts(self) -> dict[str, object]:
        """What a checkpoint must have in common with this ensemble, and the form of its state."""
        return {
            "algorithm": type(self.algorithm).__qualname__,
            "task family": type(self._loss_fn.family).__qualname__,
            "alphas": self.alphas,
            "betas": self.betas,
            "meta_optimizer": self._rule_label,
            "seed": self._options["seed"],
        }

    def _theta(self, index: int) -> list[Slot]:
        """θ and the optimiser's memory of one learner; views."""
        places = [(block, at) for block in self._blocks for at in range(len(block.finite))]
        block, place = places[index]
        theta: list[Slot] = tree_map(lambda tensor: tensor[place], block.theta)
        return theta


def _blocks(state: MetaState, count: int) -> list[MetaState]:
    """Divide the learners into blocks of about the same size."""

    def block(number: int) -> MetaState:
        part: MetaState = tree_map(lambda each: each.tensor_split(count)[number].clone(), state)
        return part

    return [block(number) for number in range(count)]


def _forms(tree: Any) -> Any:
    """Types and shapes of the tensors in nested lists and dicts."""
    if isinstance(tree, Tensor):
        return f"{tree.dtype}{list(tree.shape)}"
    if isinstance(tree, dict):
        return {name: _forms(part) for name, part in tree.items()}
    return [_forms(part) for part in tree] if isinstance(tree, list) else type(tree).__name__


def _numbers(name: str, values: object) -> list[float]:
    """The numbers of a sequence that has at least one."""
    if (
        not isinstance(values, Sequence)
        or not values
        or not all(is_number(v) and abs(v) < float("inf") for v in values)
    ):
        raise ValueError(
            f"{name} must be a list of finite numbers, one per learner, got {values!r}"
        )
    return [float(value) for value in values]
