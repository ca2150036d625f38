"""The meta-learner: a module, a task family and an algorithm, trained step by step."""

import copy
import dataclasses
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from labkit._io import write_whole
from labkit.core import (
    Algorithm,
    AnyAlpha,
    LearnedAlpha,
    Params,
    Reduction,
    check_count,
    check_positive,
)
from labkit.tasks import Predictor, TaskFamily
from labkit.training.checkpoints import read_checkpoint
from labkit.training.engine import CurveEngine, EngineName, StepEngine
from labkit.training.learner_steps import LearnerSteps
from labkit.training.model import (
    BatchNormMode,
    ModelSource,
    TaskLoss,
    has_steps,
    own_module,
    private_randomness,
    set_batch_norm,
    split_parameters,
    stream,
)
from labkit.training.step import Measurement, MetaOptimizer, MetaParameters, Ranks
from labkit.training.trial import is_random


class MetaLearner(LearnerSteps):
    """Meta-train any module on a task family.

    θ ← θ − β ∇_θ Σ_i L_i(θ'_i), with the sum or its mean over tasks, by SGD or Adam; a
    `LearnedAlpha` follows its own gradient with its own step size. The module keeps its mode in
    meta-training, dropout with masks of its own for each task; it is tested in evaluation mode.

    Args:
        model: Any `torch.nn.Module`, used unmodified and never written to, or a function that
            makes one from a generator (then the seed decides the initial θ). Parameters with
            `requires_grad=False` and buffers stay constant.
        tasks: p(T).
        algorithm: What is done on each batch of tasks. May be replaced between meta-steps.
        beta: β ≥ 0, meta step size. May be changed between meta-steps.
        meta_optimizer: "adam" (as the paper's experiments) or "sgd" (as its Algorithm 1).
        meta_batch: Tasks per meta-step, ≥ 1.
        reduction: "mean" over tasks (as the paper's code) or "sum" (as its Algorithm 1).
        seed: ≥ 0; feeds the streams "init", "tasks", "evaluation" and those of the modules.
        dtype: Floating-point type of θ and the data; None keeps the module's.
        batch_norm: "transductive" or "per_step" for modules with batch norm that has running
            statistics, see `set_batch_norm`; None for others.
        shared_data: Judge each task in meta-training on its support data, not on query data.
            Adaptation curves always use query data.
        meta_clip: Longest meta-gradient of θ, > 0, over all its tensors together; None: any.
        task_chunk: Tasks at once, ≥ 1, for less memory; None: all. The result is the same, but
            for the masks of dropout.
        checkpoint: Compute inner steps again rather than keep their graphs, for less memory.
        engine: "eager": as torch computes it. "compiled": by compiled code, for which the first
            meta-step of a kind waits; "auto": eager until that is ready. Neither α nor β is
            compiled in. Its last digits differ: "eager" alone repeats a run bit for bit.
        across_ranks: Share tasks out over the equal learners of all `torch.distributed` processes.

    Raises:
        ValueError: An argument is out of its range, the module has no trainable parameter, or a
            trial on two tasks shows that this module cannot be meta-trained so.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, Algorithm 1.

    Example:
        >>> from labkit.core import MAML
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> learner = MetaLearner(sinusoid_mlp, Sinusoid(shots=10), MAML(alpha=0.01), beta=1e-3)
        >>> steps = learner.train(2)
        >>> learner.meta_step, steps[0].loss_after < steps[0].loss_before
        (2, True)
    """

    def __init__(
        self,
        model: ModelSource,
        tasks: TaskFamily,
        algorithm: Algorithm,
        *,
        beta: float = 1e-3,
        meta_optimizer: MetaOptimizer = "adam",
        meta_batch: int = 25,
        reduction: Reduction = "mean",
        seed: int = 0,
        dtype: torch.dtype | None = None,
        batch_norm: BatchNormMode | None = None,
        shared_data: bool = False,
        meta_clip: float | None = None,
        task_chunk: int | None = None,
        checkpoint: bool = False,
        engine: EngineName = "eager",
        across_ranks: bool = False,
    ) -> None:
        check_count("meta_batch", meta_batch, 1)
        if meta_clip is not None:
            check_positive("meta_clip", meta_clip)
        self.tasks = tasks
        self.meta_batch = meta_batch
        self.seed = seed
        self.meta_clip = meta_clip
        self.meta_step = 0
        self._measurement = Measurement(reduction, shared_data, task_chunk, checkpoint)
        self._engine = StepEngine(
            engine, self._measurement, Ranks(meta_batch, reduction) if across_ranks else None
        )
        self._curves = CurveEngine()
        self._model = own_module(model, stream(seed, "init"))
        set_batch_norm(self._model, batch_norm)
        self._has_steps = has_steps(self._model)
        params, self._constants = split_parameters(self._model, dtype)
        self._test_model = copy.deepcopy(self._model).eval()
        self._task_stream = stream(seed, "tasks")
        self._moved = MetaParameters(params, meta_optimizer, beta)
        self._random: dict[type[Algorithm], bool] = {}
        self.algorithm = algorithm

    @property
    def params(self) -> Params:
        """θ now, name → tensor: a copy, which further training does not change."""
        return {name: p.clone() for name, p in self._moved.params.items()}

    @property
    def beta(self) -> float:
        """β, the meta step size."""
        return self._moved.beta

    @beta.setter
    def beta(self, value: float) -> None:
        self._moved.beta = value

    @property
    def meta_optimizer(self) -> MetaOptimizer:
        """What moves θ; may be changed between meta-steps, and then starts anew."""
        return self._moved.meta_optimizer

    @meta_optimizer.setter
    def meta_optimizer(self, value: MetaOptimizer) -> None:
        self._moved.meta_optimizer = value

    @property
    def algorithm(self) -> Algorithm:
        """What is done to tasks; with another one, α learned in the same form keeps its values."""
        return self._algorithm

    @algorithm.setter
    def algorithm(self, value: Algorithm) -> None:
        if not isinstance(value, Algorithm):
            raise ValueError(f"algorithm must be one such as MAML(alpha=0.01), got {value!r}")
        if type(value) not in self._random:
            tried = (self.loss_fn, self.test_loss_fn, self._moved.params, value)
            found = is_random(*tried, self._measurement, self.meta_batch, self.seed)
            if found:
                self._engine.check_random(self._model)
            self._random[type(value)] = found
        self._moved.serve(value)
        self._algorithm = value

    @property
    def engine(self) -> EngineName:
        """How meta-steps are computed, as given."""
        return self._engine.name

    @property
    def compiled(self) -> bool:
        """Whether the last meta-step was computed by compiled code."""
        return self._engine.compiled

    @property
    def alpha(self) -> AnyAlpha:
        """α now: the algorithm's, or what has been learned so far."""
        return self._moved.alpha(self.algorithm)

    @property
    def task_stream(self) -> Tensor:
        """State of the stream that the next batch of tasks will be drawn from."""
        return self._task_stream.get_state()

    @property
    def loss_fn(self) -> TaskLoss:
        """(params, batch of one task) → 0-d loss as in meta-training, as the core takes it."""
        return TaskLoss(self._model, self._constants, self._moved.names, self.tasks)

    @property
    def test_loss_fn(self) -> TaskLoss:
        """The same with the module in evaluation mode, as adaptation curves measure it."""
        return TaskLoss(self._test_model, self._constants, self._moved.names, self.tasks)

    def predictor(self, params: Params) -> Predictor:
        """The function f with these parameters bound, in evaluation mode."""
        return self.test_loss_fn.predictor(params)

    def current_algorithm(self) -> Algorithm:
        """The algorithm at this meta-step: its schedules applied, its α as learned so far."""
        now = self.algorithm.at(self.meta_step)
        if not isinstance(now.alpha, LearnedAlpha):
            return now
        # every algorithm is a dataclass, which the type checker cannot know of the base
        return dataclasses.replace(now, alpha=self.alpha)  # type: ignore[type-var]

    def state(self) -> dict[str, Any]:
        """Θ, α, the optimiser, the streams and the counter: a copy, for `restore`."""
        return {
            **self._moved.state(),
            "constants": dict(self._constants),
            "tasks": self._task_stream.get_state(),
            "seed": self.seed,
            "meta_step": self.meta_step,
        }

    def save(self, path: str | Path) -> None:
        """Write θ, α, the optimiser, the streams and the counter; `load` resumes exactly."""

        def write(temporary: Path) -> None:
            # by its path torch would write the temporary name into the file
            with temporary.open("wb") as file:
                torch.save(self.state(), file)

        write_whole(path, write)

    def load(self, path: str | Path) -> None:
        """Take up what `save` wrote; training goes on as if it had never stopped.

        Raises:
            ValueError: The file is no checkpoint, or one of another model, meta-optimiser or form
                of α; the learner is then unchanged.
        """
        self.restore(read_checkpoint(path, self._moved, self._constants), path)

    def restore(self, state: dict[str, Any], source: str | Path = "the state") -> None:
        """Take up what `state` gave, with the same model, meta-optimiser and form of α.

        Args:
            state: Of this learner or one like it.
            source: Where it comes from, for the error.

        Raises:
            ValueError: α was learned in another form; the learner is then unchanged.
        """
        task_stream = torch.Generator().set_state(state["tasks"])
        self._moved.restore(state, source)
        self._constants = dict(state["constants"])
        self._task_stream = task_stream
        self.seed = state["seed"]
        self.meta_step = state["meta_step"]

    @property
    def task_chunk(self) -> int | None:
        """Tasks at once, as given."""
        return self._measurement.task_chunk

    @property
    def draws_random(self) -> bool:
        """Whether the model draws random numbers in its forward, such as for dropout."""
        return self._random[type(self._algorithm)]

    def randomness(self, name: str) -> AbstractContextManager[None]:
        """Room for the model's own randomness, such as dropout; nothing where it has none."""
        device = next(iter(self._moved.like.values())).device
        return private_randomness(self.seed, name, device) if self.draws_random else nullcontext()
