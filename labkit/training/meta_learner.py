"""The meta-learner: a module, a task family and an algorithm, trained step by step."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias, TypeVar, final

import torch
from torch import Tensor, nn

from labkit.core import (
    Algorithm,
    Alpha,
    AnyAlpha,
    LearnedAlpha,
    MetaGradient,
    Params,
    Reduction,
    Vectorize,
    check_count,
    check_positive,
    check_vectorize,
    drawing_alone,
)
from labkit.tasks import (
    AnyPortrait,
    DrawableFamily,
    Predictor,
    Split,
    TaskBatch,
    TaskFamily,
)
from labkit.training.checkpoints import check_state, read_learner_state, write_learner_state
from labkit.training.distributed import Ranks
from labkit.training.engine import EngineName, StepEngine
from labkit.training.evaluation import AdaptationCurve, Between
from labkit.training.held_out import (
    HELD_OUT,
    family_for_testing,
    held_out_tasks,
    on_split,
    one_task,
    task_portrait,
)
from labkit.training.learner_view import Selection
from labkit.training.model import (
    BatchNormMode,
    ModelSource,
    OwnModel,
    TaskLoss,
    plain_module,
    stream,
)
from labkit.training.run_state import RunState, StepPlan
from labkit.training.selection import train_selecting
from labkit.training.step import (
    Beta,
    Measurement,
    MetaOptimizer,
    MetaParameters,
    MetaStep,
    PendingLosses,
    beta_at,
    check_search,
    given_batch,
    to_model,
)
from labkit.training.tester import Tester
from labkit.training.vectorization import Vectorization
from labkit.training.watching import Measures, OnStep, Watch, Watched, reported

SelectBy: TypeAlias = 'Literal["validation"] | Callable[[MetaLearner], float]'
"""The mean query loss on validation tasks, or a function of the learner; the lowest is best."""

T = TypeVar("T")

MOST_UNREAD = 64
"""Meta-steps between two looks at their losses, for which a GPU is waited for."""


@final
class MetaLearner:
    """Meta-train any module on a task family.

    θ ← θ − β ∇_θ Σ_i L_i(θ'_i), with the sum or its mean over tasks, by SGD, Adam or another
    optimiser; a `LearnedAlpha` follows its own gradient with its own step size. The module keeps
    its mode in meta-training, dropout with masks of its own for each task; it is tested in
    evaluation mode.

    Args:
        model: Any `torch.nn.Module`, used unmodified and never written to, or a function that
            makes one from a generator (then the seed decides the initial θ). Parameters with
            `requires_grad=False` and buffers stay constant.
        tasks: p(T).
        algorithm: What is done on each batch of tasks. May be replaced between meta-steps.
        beta: β ≥ 0, meta step size, or a function from the number of meta-steps so far to it,
            such as `CosineDecay` or `WarmUp`. May be changed between meta-steps.
        meta_optimizer: "adam" (as the paper's experiments), "sgd" (as its Algorithm 1), "adamw",
            "rmsprop" or another name of `torch.optim` in lower case, with its defaults; or a
            function (parameters, lr) that makes an optimiser, such as
            `functools.partial(torch.optim.SGD, momentum=0.9, nesterov=True)`. A learned α is
            updated without weight decay. SGD, Adam, AdamW and RMSprop become part of recorded
            meta-steps; torch itself runs the others. `TRPO` and `PPO` are for policies.
        meta_batch: Tasks per meta-step, ≥ 1.
        reduction: "mean" over tasks (as the paper's code) or "sum" (as its Algorithm 1).
        seed: ≥ 0; feeds the streams "init", "tasks", "evaluation" and those of the modules.
        dtype: Floating-point type of θ and the data; None keeps the module's.
        device: Where θ and the data are, such as "cuda"; None: where the module is.
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
        across_ranks: Share tasks out over the equal learners of all `torch.distributed` processes,
            which are compared at the start and now and then.
        vectorize: As for `labkit.meta_gradient`: "auto" computes tasks side by side where torch
            can run the module and the loss so, and one after another where it cannot.

    Raises:
        ValueError: An argument is out of its range, the module has no trainable parameter, or a
            trial on two tasks shows that this module cannot be meta-trained so.

    Warns:
        LoopWarning: Once for each reason, if "auto" comes to a loop.

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
        beta: Beta = 1e-3,
        meta_optimizer: MetaOptimizer = "adam",
        meta_batch: int = 25,
        reduction: Reduction = "mean",
        seed: int = 0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        batch_norm: BatchNormMode | None = None,
        shared_data: bool = False,
        meta_clip: float | None = None,
        task_chunk: int | None = None,
        checkpoint: bool = False,
        engine: EngineName = "eager",
        across_ranks: bool = False,
        vectorize: Vectorize = "auto",
    ) -> None:
        check_count("meta_batch", meta_batch, 1)
        check_vectorize(vectorize)
        if meta_clip is not None:
            check_positive("meta_clip", meta_clip)
        self.tasks = tasks
        self.meta_batch = meta_batch
        self.meta_clip = meta_clip
        self._measurement = Measurement(reduction, shared_data, task_chunk, checkpoint)
        self._ranks = Ranks(meta_batch, reduction) if across_ranks else None
        self._engine = StepEngine(engine, self._measurement, self._ranks)
        self._model = OwnModel(model, seed, device, batch_norm)
        self.selection: Selection | None = None
        """How the last `train` with `select_by` has chosen."""
        params, constants = self._model.parameters(dtype)
        self._state = RunState(MetaParameters(params, meta_optimizer, beta), constants, seed)
        self._vectorization = Vectorization(vectorize, self._measurement, self._engine, seed)
        self._tester = Tester(self._vectorization)
        self.algorithm = algorithm

    @property
    def params(self) -> Params:
        """θ now, name → tensor: a copy, which further training does not change."""
        return {name: p.clone() for name, p in self._state.meta.params.items()}

    @params.setter
    def params(self, value: Params) -> None:
        self._state.meta.replace(value)

    @property
    def model(self) -> ModelSource:
        """The module or function that the learner was made from; training changes neither."""
        return self._model.source

    @property
    def options(self) -> dict[str, Any]:
        """The other arguments that make a learner like this one: how it trains, not where."""
        measurement = self._measurement
        return {
            "beta": self._state.meta.beta,
            "meta_optimizer": self.meta_optimizer,
            "meta_batch": self.meta_batch,
            "reduction": measurement.reduction,
            "seed": self.seed,
            "dtype": next(iter(self._state.meta.like.values())).dtype,
            "batch_norm": self._model.batch_norm,
            "shared_data": measurement.shared_data,
            "meta_clip": self.meta_clip,
            "task_chunk": measurement.task_chunk,
            "checkpoint": measurement.checkpoint,
        }

    @property
    def seed(self) -> int:
        """The run's seed, that of a checkpoint once one is loaded."""
        return self._state.seed

    @property
    def meta_step(self) -> int:
        """The number of meta-steps so far."""
        return self._state.meta_step

    @property
    def beta(self) -> float:
        """β, the meta step size of the next meta-step; takes a number or a function of it."""
        return beta_at(self._state.meta.beta, self.meta_step)

    @beta.setter
    def beta(self, value: Beta) -> None:
        self._state.meta.beta = value

    @property
    def meta_optimizer(self) -> MetaOptimizer:
        """Updates θ; may be changed between meta-steps, and then starts without memory."""
        return self._state.meta.meta_optimizer

    @meta_optimizer.setter
    def meta_optimizer(self, value: MetaOptimizer) -> None:
        self._state.meta.meta_optimizer = value

    @property
    def algorithm(self) -> Algorithm:
        """What is done to tasks; with another one, α learned in the same form keeps its values."""
        return self._algorithm

    @algorithm.setter
    def algorithm(self, value: Algorithm) -> None:
        if not isinstance(value, Algorithm):
            raise ValueError(f"algorithm must be one such as MAML(alpha=0.01), got {value!r}")
        ranks = self._ranks is not None
        check_search(self.meta_optimizer, self.tasks, value, across_ranks=ranks)
        losses, params = (self.loss_fn, self.test_loss_fn), self._state.meta.params
        self._vectorization.try_out(value, *losses, params, self.meta_batch)
        self._state.meta.configure_alpha(value)
        self._algorithm = value

    @property
    def engine(self) -> EngineName:
        """The engine that was asked for: "eager", "compiled" or "auto"."""
        return self._engine.name

    @property
    def compiled(self) -> bool:
        """Whether the last meta-step ran as compiled code."""
        return self._engine.compiled

    @property
    def alpha(self) -> AnyAlpha:
        """α now: the algorithm's, or what has been learned so far; set, it keeps being learned."""
        return self._state.meta.alpha(self.algorithm)

    @alpha.setter
    def alpha(self, value: AnyAlpha) -> None:
        learned = isinstance(self._algorithm.alpha, LearnedAlpha)
        if learned and not isinstance(value, LearnedAlpha):
            self._state.meta.replace_alpha(self._algorithm, value)
        else:
            self.algorithm = self._algorithm.with_alpha(value)

    @property
    def task_stream(self) -> Tensor:
        """State of the stream that the next batch of tasks will be drawn from."""
        return self._state.task_stream.get_state()

    @property
    def loss_fn(self) -> TaskLoss:
        """(params, batch of one task) → 0-d loss as in meta-training, as the core takes it."""
        return self._loss_of(self._model.training)

    @property
    def test_loss_fn(self) -> TaskLoss:
        """The same with the module in evaluation mode, as adaptation curves measure it."""
        return self._loss_of(self._model.testing)

    def predictor(self, params: Params, step: int | None = None) -> Predictor:
        """The function f with these parameters bound, in evaluation mode.

        Args:
            params: Adapted parameters θ', or θ.
            step: Inner steps that led to them, ≥ 0, which choose the statistics of
                `batch_norm="per_step"`; None: 0 for θ itself, and the algorithm's K for others.
        """
        if step is None:
            is_theta = params.keys() == self._state.meta.params.keys() and all(
                torch.equal(p, params[name]) for name, p in self._state.meta.params.items()
            )
            step = 0 if is_theta else self.algorithm.at(self.meta_step).inner_steps
        check_count("step", step, 0)
        return self.test_loss_fn.at_step(step).predictor(params)

    @property
    def task_chunk(self) -> int | None:
        """Tasks at once, for less memory; None: 25, or as many as have 8 MB of data."""
        return self._measurement.task_chunk

    @property
    def draws_random(self) -> bool:
        """Whether the model draws random numbers in its forward, such as for dropout."""
        return self._vectorization.dry_run_of(self._algorithm).draws_random

    @property
    def vectorized(self) -> bool:
        """Whether the tasks of a meta-step go side by side, not one after another."""
        return self._vectorization.dry_run_of(self._algorithm).vectorized

    @property
    def goes_by_size(self) -> bool:
        """Whether tasks of each size go separately, which no recording repeats."""
        return self._vectorization.goes_by_size(self._algorithm)

    @property
    def _inner_steps(self) -> int:
        """K of the next meta-step."""
        return self._algorithm.at(self.meta_step).inner_steps

    def current_algorithm(self) -> Algorithm:
        """The algorithm at this meta-step: its schedules applied, its α as learned so far."""
        return self._state.current(self._algorithm)

    def step(self) -> MetaStep:
        """Draw `meta_batch` tasks and update θ once.

        Returns:
            `MetaStep`: losses before and after adaptation on the query data of those tasks.

        Raises:
            DivergedError: The loss or the meta-gradient is not finite; θ is left as it was.
        """
        return self._run(1)[0]

    def train(
        self,
        meta_steps: int,
        *,
        on_step: OnStep | None = None,
        watch: Collection[Watched] | Watched = (),
        select_by: "SelectBy | None" = None,
        validate_every: int = 100,
        patience: int | None = None,
    ) -> list[MetaStep]:
        """Take `meta_steps` meta-steps; see `step`.

        Args:
            meta_steps: How many, ≥ 0.
            on_step: Called with a `StepReport` after each. Losses are then read at every meta-step.
            watch: What else it reports: "gradient_norm", "task_losses", "metrics". Each takes time:
                about that of another meta-gradient for the first two, of an adaptation for the
                last.
            select_by: End with the state of the meta-step that is best: "validation", by the query
                loss after K steps on 600 validation tasks that are always the same (and are no test
                tasks); or by a function of this learner, the lowest for the best. `selection` then
                says which it was. The streams return there too, so training can continue.
            validate_every: Meta-steps between two looks; the first is before training.
            patience: Looks without improvement after which training ends; None: never.

        Returns:
            All meta-steps taken.

        Raises:
            ValueError: An argument is out of its range.
            DivergedError: As for `step`.
        """
        check_count("meta_steps", meta_steps, 0)
        if self._ranks is not None:
            self._ranks.check_equal(self.meta_step, self.fingerprints, due=True)
        watched = Watch.of(watch)
        if watched.names and on_step is None:
            raise ValueError("watch is for on_step: give the function to report to")
        train = partial(self._train, on_step, watched)
        if select_by is None and patience is None:
            return train(meta_steps)
        return train_selecting(self, meta_steps, train, select_by, validate_every, patience)

    def meta_gradient(self, batch: TaskBatch | None = None) -> MetaGradient:
        """The meta-gradient at the present θ and α, as a meta-step measures it.

        Args:
            batch: Tasks, such as `learner.tasks.sample(…)`; of different sizes they may also be a
                `TaskList` of support and one of query data. None: those of the next meta-step,
                which stay the next ones. The masks of dropout are those of the next meta-step.

        Returns:
            `MetaGradient`: loss, task_losses, params (like θ), alpha; `meta_clip` is not applied.

        Example:
            A meta-step of SGD by hand:

            >>> from labkit.core import MAML
            >>> from labkit.tasks import Sinusoid, sinusoid_mlp
            >>> one, two = (
            ...     MetaLearner(sinusoid_mlp, Sinusoid(), MAML(), meta_optimizer="sgd", beta=0.1)
            ...     for _ in range(2)
            ... )
            >>> slopes = one.meta_gradient().params
            >>> one.params = {name: p - 0.1 * slopes[name] for name, p in one.params.items()}
            >>> _ = two.step()
            >>> all(torch.allclose(p, two.params[name]) for name, p in one.params.items())
            True
        """
        params = self._state.meta.params
        batch = (
            self._state.next_tasks(self.tasks, self.meta_batch, self._inner_steps)
            if batch is None
            else given_batch(batch, params, stream(self.seed, "evaluation"))
        )
        query = self._measurement.query_of(batch)

        def gradient(measurement: Measurement) -> MetaGradient:
            # the loss before adaptation comes first, for the same masks of dropout
            measurement.loss_before(self.loss_fn, params, query)
            now = self.current_algorithm()
            return measurement.gradient(now, self.loss_fn, params, batch.support, query)

        return self._measured(gradient)

    def adapted_module(
        self, support: Any, *, inner_steps: int | None = None, alpha: Alpha | None = None
    ) -> nn.Module:
        """Adapt to one task and return the result as a plain module, which needs no labkit.

        It is of the class of the model, in evaluation mode, and predicts what `predictor` does.
        Batch norm with statistics per step has those of the last one; transductive batch norm
        takes those of each batch, as in training.

        Args:
            support: The task's data as the family gives them, without a task axis.
            inner_steps: K ≥ 0; None: as in training.
            alpha: α; None: as for `adaptation_curve`.

        Example:
            >>> from labkit.core import MAML
            >>> from labkit.tasks import Sinusoid, sinusoid_mlp
            >>> learner = MetaLearner(sinusoid_mlp, Sinusoid(), MAML(alpha=0.01))
            >>> x = torch.linspace(-5, 5, 10).unsqueeze(-1)
            >>> learner.adapted_module((x, x.sin()))(x).shape
            torch.Size([10, 1])
        """
        algorithm = self.current_algorithm()
        if inner_steps is not None or alpha is not None:
            steps = algorithm.inner_steps if inner_steps is None else inner_steps
            algorithm = algorithm.testing(steps, alpha)
        params = self._state.meta.params
        draws = drawing_alone(support, stream(self.seed, "evaluation"), by_step=True)
        task = to_model(TaskBatch(draws, ()), params).support
        loss_fn = self.test_loss_fn
        with self.randomness("evaluation of the model"):
            adapted = algorithm.adapt(loss_fn, params, task).params
        return plain_module(loss_fn, adapted, algorithm.inner_steps)

    def adaptation_curve(
        self,
        inner_steps: int = 10,
        *,
        tasks: int = HELD_OUT,
        alpha: Alpha | None = None,
        family: TaskFamily | None = None,
        params: Params | None = None,
        split: Split | None = None,
    ) -> AdaptationCurve:
        """Query loss after 0 … `inner_steps` steps, over held-out tasks that are always the same.

        Args:
            inner_steps: Steps to test with, ≥ 0; may exceed the algorithm's.
            tasks: Number of held-out tasks, ≥ 1, drawn from the stream "evaluation".
            alpha: α for testing, in any form that `adapt` takes; None takes the algorithm's
                `evaluation_alpha`: as trained, and half of it for steps beyond.
            family: Where the tasks come from, with its own loss, metrics and units; None takes the
                learner's. Another number of shots, for example, is `Sinusoid(shots=5)`.
            params: θ to test; None takes the present one.
            split: Which of its tasks: "validation" to choose by, "test" to report; None: "test",
                but a `family` that is on "validation" or "test" stays there.

        Returns:
            `AdaptationCurve`, with the loss and the family's other measures.

        Raises:
            ValueError: An argument is out of its range, or the model does not fit the tasks, such
                as tasks with more ways than it has outputs.
        """
        batch = self.held_out(tasks, family, split)
        return self.curve_on(batch, inner_steps, alpha=alpha, params=params, family=family)

    def curve_on(
        self,
        batch: TaskBatch,
        inner_steps: int,
        *,
        alpha: Alpha | None = None,
        params: Params | None = None,
        family: TaskFamily | None = None,
        between: Between | None = None,
    ) -> AdaptationCurve:
        """The same on a batch of tasks in the precision of θ and on its device.

        Args:
            batch: From `held_out`.
            inner_steps: As for `adaptation_curve`.
            alpha: As for `adaptation_curve`.
            params: As for `adaptation_curve`.
            family: Whose tasks they are, to judge them by its loss and metrics; None: the
                learner's.
            between: Called now and then; what it raises ends the measuring.
        """
        return self._tester.curve(
            self,
            batch,
            inner_steps,
            alpha=alpha,
            params=params,
            family=family,
            between=between,
        )

    def portrait(
        self,
        *,
        task: int = 0,
        tasks: int = HELD_OUT,
        params: Params | None = None,
        split: Split = "test",
    ) -> AnyPortrait | None:
        """Draw one held-out task and the adaptation to it; None if the family cannot draw.

        Args:
            task: Number of the task, from 0, among those of `adaptation_curve`.
            tasks: As for `adaptation_curve`.
            params: θ to draw; None takes the present one.
            split: As for `adaptation_curve`.

        Raises:
            ValueError: There is no task of this number.
        """
        family = on_split(self.tasks, split)
        if not isinstance(family, DrawableFamily):
            return None
        one = one_task(self.held_out(tasks, family, split), task)
        return self.portrait_of(one, family=family, params=params)

    def portrait_of(
        self,
        one: TaskBatch,
        *,
        family: TaskFamily | None = None,
        params: Params | None = None,
        inner_steps: int | None = None,
    ) -> AnyPortrait | None:
        """Draw a batch of one task and the adaptation to it; None if the family cannot draw.

        Args:
            one: The task, of `family` and in the precision of θ.
            family: Whose task it is; None takes the learner's.
            params: θ to draw; None takes the present one.
            inner_steps: How many, with steps beyond K as in `adaptation_curve`; None: K.
        """
        family = self.tasks if family is None else family
        algorithm = self.current_algorithm()
        return task_portrait(
            family,
            algorithm if inner_steps is None else algorithm.testing(inner_steps),
            replace(self.test_loss_fn, family=family),
            self.params if params is None else params,
            one,
        )

    def held_out(
        self,
        tasks: int = HELD_OUT,
        family: TaskFamily | None = None,
        split: Split | None = None,
    ) -> TaskBatch:
        """The tasks of adaptation curves, on the device and in the precision of θ.

        Args:
            tasks: As for `adaptation_curve`.
            family: As for `adaptation_curve`.
            split: As for `adaptation_curve`.
        """
        chosen = family_for_testing(self.tasks, family, split)
        return held_out_tasks(chosen, tasks, self.seed, self.params)

    def to(self, device: torch.device | str) -> Self:
        """Move θ, α, constants and the optimiser's memory to a device; returns this learner."""
        self._model.to(device)
        self._state.to(device, self.algorithm)
        return self

    def state_dict(self) -> dict[str, Any]:
        """The same as `state`, by the name that torch's tools expect."""
        return self.state()

    def load_state_dict(self, state: dict[str, Any], source: str | Path = "the state") -> None:
        """Resume from a `state_dict`.

        Args:
            state: Of this learner or one like it.
            source: Its origin, for the error.

        Raises:
            ValueError: It is of another model, meta-optimiser or form of α; the learner is then
                unchanged.
        """
        check_state(state, source, self._state, self._model.growing())
        self._state.restore(state, source)

    def state(self) -> dict[str, Any]:
        """Θ, α, the optimiser, the streams and the counter: a copy, for `restore`."""
        return self._state.as_dict()

    def save(self, path: str | Path) -> None:
        """Write θ, α, buffers, the optimiser, the streams and the counter; `load` resumes exactly.

        The file is safetensors with a checksum, and is complete or absent.

        Args:
            path: Of the file; its folder exists.
        """
        write_learner_state(path, self.state(), self._parts())

    def load(self, path: str | Path) -> None:
        """Resume from a file of `save`; training continues as if it had never stopped.

        Bit for bit where both train on the same machine, with as many threads, by engine "eager" or
        "compiled"; with "auto" the last digits depend on when compiled code is ready.

        Args:
            path: Of the file. Reading it runs no code, whoever wrote it.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file is damaged, no checkpoint of a learner or of a newer version, or it
                belongs to another model, algorithm, task family, meta-optimiser or form of α; the
                message says which, and the learner is then unchanged.
        """
        self.load_state_dict(read_learner_state(path, self._parts()), path)

    def restore(self, state: dict[str, Any], source: str | Path = "the state") -> None:
        """Resume from a `state` with the same model, meta-optimiser and form of α.

        Args:
            state: Of this learner or one like it.
            source: Its origin, for the error.

        Raises:
            ValueError: α was learned in another form; the learner is then unchanged.
        """
        self._state.restore(state, source)

    def fingerprints(self) -> dict[str, str]:
        """Name → text for all that decides how training continues; equal for equal states."""
        return {
            "tasks": type(self.tasks).__name__,
            "algorithm": str(self.algorithm),
            "beta": repr(self.beta),
            "meta_optimizer": str(self._state.meta.state()["meta_optimizer"]),
            "meta_batch": str(self.meta_batch),
            "meta_clip": str(self.meta_clip),
            **self._state.fingerprints(),
        }

    def randomness(self, name: str) -> AbstractContextManager[None]:
        """Room for the model's own randomness, such as dropout; nothing where it has none."""
        return self._state.randomness(name, random=self.draws_random)

    def _parts(self) -> dict[str, str]:
        """What a checkpoint must have in common with this learner besides the form of its state."""
        parts = {"algorithm": self._algorithm, "task family": self.tasks}
        return {name: type(part).__qualname__ for name, part in parts.items()}

    def _loss_of(self, model: nn.Module) -> TaskLoss:
        """The loss by a module, which knows whether padded tasks can go side by side."""
        meta, constants, family = self._state.meta, self._state.constants, self.tasks

        def trial() -> tuple[TaskLoss, Params]:
            return TaskLoss(self._model.training, constants, meta.names, family), meta.params

        pointwise = self._vectorization.pointwise(family, trial, self.meta_batch)
        return TaskLoss(model, constants, meta.names, family, pointwise)

    def _train(self, on_step: OnStep | None, watch: Watch, meta_steps: int) -> list[MetaStep]:
        if on_step is not None:
            return reported(self, on_step, partial(self._watched, watch), meta_steps)
        steps: list[MetaStep] = []
        while len(steps) < meta_steps:
            steps += self._run(min(meta_steps - len(steps), MOST_UNREAD))
        return steps

    def _watched(self, watch: Watch) -> Measures:
        """What is watched of the next meta-step."""
        if not watch.names:
            return Measures()
        batch, now, params = (
            self._state.next_tasks(self.tasks, self.meta_batch, self._inner_steps),
            self.current_algorithm(),
            self._state.meta.params,
        )
        return self._measured(lambda by: watch.measure(by, now, self.loss_fn, params, batch))

    def _measured(self, measure: Callable[[Measurement], T]) -> T:
        """Measure as the next meta-step will, with the same masks of dropout."""

        def compute(side_by_side: bool) -> T:
            with self.randomness(f"meta-step {self.meta_step}"):
                return measure(replace(self._measurement, vectorize=side_by_side))

        return self._vectorization.run(compute, "vectorized", self)

    def _run(self, meta_steps: int) -> list[MetaStep]:
        state = self._state
        if self._ranks is not None:
            self._ranks.check_equal(state.meta_step, self.fingerprints)

        def extend(unread: list[PendingLosses]) -> None:
            def compute(side_by_side: bool) -> None:
                state.extend(self._engine, self._plan(), unread, meta_steps, vectorize=side_by_side)

            self._vectorization.run(compute, "vectorized", self)

        return state.advance(meta_steps, extend)

    def _plan(self) -> StepPlan:
        return StepPlan(
            self._algorithm,
            self.loss_fn,
            self.meta_batch,
            self.meta_clip,
            self.draws_random,
            self.goes_by_size,
            self._model.has_steps,
        )
