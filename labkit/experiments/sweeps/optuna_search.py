"""A search: Optuna chooses the next trials from the results of earlier ones."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import numpy as np
from pydantic import BeforeValidator, Field

from labkit.experiments.runs import Notebook, Plan, Status, table_value
from labkit.experiments.sweeps.design import Choices, Design, Range
from labkit.experiments.sweeps.grid import OnEvent, Tally
from labkit.experiments.sweeps.pruning import Pruner, pruner_of, steps
from labkit.experiments.sweeps.sweep_folder import SweepFolder
from labkit.experiments.sweeps.workers import (
    WAIT,
    OnEnd,
    OnNotice,
    OnProgress,
    run_plans,
    silent,
    workers,
)
from labkit.session import CHECKPOINT_SECONDS, ParameterError, RunProgress

if TYPE_CHECKING:
    import optuna


Names: TypeAlias = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda names: (names,) if isinstance(names, str) else names),
    Field(strict=False),
]

STUDY = "study.log"
"""The search as a study of Optuna, in a file of its journal storage."""


class SearchDesign(Design):
    """A search for the values of some parameters that make a metric small or large.

    With several metrics, no trial is the best: the result is the set of those of which no other
    trial is better in one metric and not worse in the rest (Pareto).

    Each trial is one run, or one for each of `seeds`. All trials have the same seeds, so no trial
    wins by a lucky seed; the mean over the seeds counts.

    Raises:
        ParameterError: From `SearchDesign.checked`, one line for each thing that is not allowed.

    Example:
        >>> from labkit.experiments.sweeps.design import Range
        >>> alpha = Range(low=0.001, high=0.1, scale="log")
        >>> SearchDesign(
        ...     notebook="01_sinusoid", random={"alpha": alpha}, search=20,
        ...     minimise="query_loss_after",
        ... ).varying
        ('alpha',)
    """

    search: int = Field(ge=1, description="how many trials")
    minimise: Names = Field(default=(), description="the metric to minimise, or several")
    maximise: Names = Field(default=(), description="the metric to maximise, or several")
    prune: Pruner | None = Field(
        default=None,
        description="give up trials whose training loss is worse than that of others at the same "
        "step: median, halving or hyperband",
    )
    together: int = Field(
        default=2, ge=1, description="trials that are chosen at once, before their results"
    )

    def _missing(self) -> Iterator[str]:
        yield from super()._missing()
        if not self.random:
            yield "there is nothing to search: give random ranges"
        if not self.metrics:
            yield "minimise is missing: name the metric to minimise, or one to maximise"
        if len(set(self.metrics)) < len(self.metrics):
            yield "a metric is given twice: minimise or maximise it"
        if self.prune and len(self.metrics) > 1:
            yield "prune is for one metric: leave it out, or search by one"

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is minimised, then what is maximised."""
        return (*self.minimise, *self.maximise)

    @property
    def signs(self) -> tuple[int, ...]:
        """For each metric 1 if it is minimised, −1 if it is maximised."""
        return (1,) * len(self.minimise) + (-1,) * len(self.maximise)

    @property
    def varying(self) -> tuple[str, ...]:
        """The parameters that differ between runs."""
        return (*self.random, *(("seed",) if self.seeds is not None else ()))

    def continues(self, stored: Mapping[str, Any]) -> bool:
        """Whether a stored search has runs of this one, which may be longer or by other metrics."""
        try:
            earlier = type(self).checked(stored)
        except ParameterError:
            return False
        free = ("search", "minimise", "maximise")
        return earlier.model_copy(update={name: getattr(self, name) for name in free}) == self


@dataclass(frozen=True, slots=True)
class Trial:
    """One choice of values and its result.

    Attributes:
        values: Parameter → value.
        runs: A run for each seed, each with its status.
        metrics: Name → mean over the seeds; the worst value, ∞ or −∞, if a run has failed, diverged
            or has no finite value, or the trial was given up.
        pruned: Whether it was given up; then some of its runs may be missing.
    """

    values: dict[str, Any]
    runs: tuple[tuple[Plan, Status], ...]
    metrics: dict[str, float]
    pruned: bool = False

    @property
    def valid(self) -> bool:
        """Whether all its metrics are finite."""
        return all(map(math.isfinite, self.metrics.values()))


def best_trials(design: SearchDesign, trials: Sequence[Trial]) -> list[Trial]:
    """The trials of which no other is better in one metric and not worse in the rest.

    Args:
        design: With the metrics.
        trials: Those that are not valid are never among the best.

    Example:
        >>> metrics = ({"loss": 1.0, "seconds": 9.0}, {"loss": 2.0, "seconds": 9.0})
        >>> design = SearchDesign(
        ...     notebook="01_sinusoid", random={"alpha": {"low": 0.1, "high": 1.0}}, search=2,
        ...     minimise=("loss", "seconds"),
        ... )
        >>> [t.metrics["loss"] for t in best_trials(design, [Trial({}, (), m) for m in metrics])]
        [1.0]
    """
    points = [
        (trial, [s * trial.metrics[n] for n, s in zip(design.metrics, design.signs, strict=True)])
        for trial in trials
        if trial.valid
    ]

    def beaten(point: list[float], other: list[float]) -> bool:
        return other != point and all(a <= b for a, b in zip(other, point, strict=True))

    best = [(trial, p) for trial, p in points if not any(beaten(p, q) for _, q in points)]
    equal = [p for _, p in best]
    return [trial for n, (trial, p) in enumerate(best) if p not in equal[:n]]


@dataclass(frozen=True, slots=True)
class Choice:
    """Values to try.

    Attributes:
        values: Parameter → value.
        plans: A run for each seed.
        optuna_trial: The trial of Optuna's study.
    """

    values: dict[str, Any]
    plans: list[Plan]
    optuna_trial: "optuna.Trial"


class Chooser:
    """Chooses trials by Optuna's tree-structured Parzen estimator, the first ten at random.

    Args:
        design: The search.

    Raises:
        FileNotFoundError: There is no such notebook.
        ParameterError: Optuna is not installed.

    Source:
        Bergstra, Bardenet, Bengio, Kégl 2011, Algorithms for Hyper-Parameter Optimization.
    """

    def __init__(self, design: SearchDesign) -> None:
        try:
            import optuna  # noqa: PLC0415  # an extra
        except ModuleNotFoundError as error:
            raise ParameterError(
                f"a search needs Optuna ({error}): pip install 'maml-lab[search]'"
            ) from None
        self.trials: list[Trial] = []
        self._design = design
        self._notebook = Notebook.read(design.notebook)
        self._sampler = optuna.samplers.TPESampler
        self._directions: list[Literal["minimize", "maximize"]] = [
            "minimize" if sign > 0 else "maximize" for sign in design.signs
        ]
        self._kept: optuna.Study | None = None
        self._pruned = optuna.trial.TrialState.PRUNED
        self._reported: dict[int, set[int]] = {}
        with silent("optuna"):
            self._study = optuna.create_study(
                study_name="search",  # hyperband draws by it
                directions=self._directions,
                pruner=pruner_of(design.prune, len(design.seed_parameters)),
            )

    def keep(self, path: Path) -> None:
        """Write the study into a new file that Optuna's dashboard reads, trial by trial."""
        import optuna  # noqa: PLC0415  # an extra
        from optuna.storages.journal import JournalFileBackend  # noqa: PLC0415

        # the folders of the runs have all that it says; a killed search leaves its lock
        for file in (path, path.with_name(f"{path.name}.lock")):
            file.unlink(missing_ok=True)
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
        with silent("optuna"):
            self._kept = optuna.create_study(
                storage=storage, study_name=path.parent.name, directions=self._directions
            )
            self._kept.set_user_attr("metrics", list(self._design.metrics))

    def choose(self) -> list[Choice]:
        """Choose the next trials; none after the last one.

        Raises:
            ParameterError: A value is not allowed.
        """
        first = len(self.trials)
        numbers = range(first, min(first + self._design.together, self._design.search))
        return [self._choice(number) for number in numbers]

    def _choice(self, number: int) -> Choice:
        # for this trial only: the choice does not depend on how often the search was interrupted
        generator = np.random.default_rng([self._design.sample_seed, number])
        self._study.sampler = self._sampler(seed=int(generator.integers(2**32)))
        optuna_trial = self._study.ask()
        values: dict[str, Any] = {}
        for name, span in self._design.random.items():
            if span.varies_with({**self._design.parameters, **values}):
                values[name] = _suggestion(optuna_trial, name, span)
        same = {**self._design.parameters, **values}
        plans = [Plan.of(self._notebook, {**same, **seed}) for seed in self._design.seed_parameters]
        return Choice(values, plans, optuna_trial)

    def gives_up(self, choice: Choice, runs: Sequence[RunProgress]) -> bool:
        """Learn how far the runs of a choice are, and say whether the pruner gives it up.

        Args:
            choice: Whose runs are under way, or have ended.
            runs: In the order of its plans.
        """
        if self._design.prune is None:
            return False
        trial, (sign,), result = choice.optuna_trial, self._design.signs, False
        reported = self._reported.setdefault(trial.number, set())
        for step, loss in steps(runs).items():
            if step not in reported:
                reported.add(step)
                trial.report(sign * loss, step)
                result = trial.should_prune()  # pruners take notes: each step is asked once
        return result

    def learn(
        self, choice: Choice, runs: tuple[tuple[Plan, Status], ...], metrics: dict[str, float]
    ) -> None:
        """Learn the result of a choice, and that it was given up if one of its runs was."""
        pruned = _is_given_up(status for _, status in runs)
        with silent("optuna"):
            finished = (
                self._study.tell(choice.optuna_trial, state=self._pruned)
                if pruned
                else self._study.tell(choice.optuna_trial, list(metrics.values()))
            )
            if self._kept is not None:
                self._kept.add_trial(finished)
        self.trials.append(Trial(choice.values, runs, metrics, pruned))


def _is_given_up(runs: Iterable[Status]) -> bool:
    return any(status.state == "pruned" for status in runs)


def _suggestion(trial: "optuna.Trial", name: str, span: Range | Choices) -> Any:
    """Optuna's choice of a value."""
    if isinstance(span, Choices):
        choices: list[Any] = [table_value(value) for value in span.values]  # Optuna takes no lists
        return span.values[choices.index(trial.suggest_categorical(name, choices))]
    log = span.scale == "log"
    if span.whole:
        return trial.suggest_int(name, int(span.low), int(span.high), log=log)
    return trial.suggest_float(name, span.low, span.high, log=log)


def search(
    design: SearchDesign,
    folder: str | Path,
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    retry: bool = False,
    timeout: float | None = None,
    wait: float = WAIT,
    dashboard: bool = False,
    checkpoint_every: float = CHECKPOINT_SECONDS,
    on_event: OnEvent = lambda _: None,
    on_notice: OnNotice = lambda _: None,
    on_progress: OnProgress = lambda _: None,
    on_end: OnEnd = lambda _, __: None,
) -> list[Trial]:
    """Minimise or maximise metrics by trials; the arguments are those of `sweep`.

    The design and the results determine the choices, so an interrupted search continues: it chooses
    the same values again and finds their runs. A search with more trials continues, too; one by
    other metrics finds the runs of trials that it would choose as well. The folder has the study
    for Optuna's dashboard (`STUDY`).

    Returns:
        The trials in the order in which they were chosen.

    Raises:
        FileNotFoundError: There is no such notebook.
        ParameterError: Optuna is not installed, a value is not allowed, or the runs have no such
            metric; the runs are kept.
        SweepFolderError, FolderInUseError, SchedulerError, SchedulerGoneError, OSError: See
            `sweep`.
    """
    chooser = Chooser(design)
    own = SweepFolder(Path(folder).resolve())
    choices = chooser.choose()
    ended: dict[str, Status] = {}
    most = design.together * len(design.seed_parameters)

    given_up: set[str] = set()

    def report() -> None:
        runs = design.search * len(design.seed_parameters)
        missing = sum(len(design.seed_parameters) - len(trial.runs) for trial in chooser.trials)
        on_event(Tally.of(runs - missing, ended.values()))

    def watch(running: Sequence[tuple[Plan, RunProgress]]) -> None:
        """Ask the pruner about each choice, and give up those of which it says so."""
        on_progress(running)
        now = {plan.id: progress for plan, progress in running}
        for choice in choices:
            runs = [_progress(plan, now, own) for plan in choice.plans]
            if chooser.gives_up(choice, runs):
                given_up.update(plan.id for plan in choice.plans)
                for plan in choice.plans:
                    own.give_up(plan)

    with ExitStack() as stack:
        own = stack.enter_context(own.claim(design, choices[0].plans, retry=retry))
        report()
        chooser.keep(own.path / STUDY)
        client = None
        while choices:
            for choice in choices:
                for plan in choice.plans:
                    status = own.ended(plan)
                    if status is not None and not (status.state == "failed" and retry):
                        ended[plan.id] = status
            # twice: what was to be given up may have come to its end, and then the trial does, too
            for look in (watch, on_progress):
                given_up.clear()
                left = {
                    plan.id: plan
                    for choice in choices
                    if not _is_given_up(ended[p.id] for p in choice.plans if p.id in ended)
                    for plan in choice.plans
                    if plan.id not in ended
                }
                if not left:
                    break
                client = client or stack.enter_context(
                    workers(
                        min(jobs, most) if jobs else jobs,
                        scheduler,
                        dashboard=dashboard,
                        on_notice=on_notice,
                    )
                )
                runs_left = run_plans(
                    client,
                    own,
                    list(left.values()),
                    timeout,
                    wait=wait,
                    on_notice=on_notice,
                    on_progress=look,
                    patience=design.patience,
                    checkpoint_every=checkpoint_every,
                    skip=lambda plan: plan.id in given_up,
                )
                with closing(runs_left) as results:
                    for plan, status in results:
                        ended[plan.id] = status
                        on_end(plan, status)
                        report()
            for choice in choices:
                chooser.gives_up(choice, [_progress(plan, {}, own) for plan in choice.plans])
                runs = tuple((plan, ended[plan.id]) for plan in choice.plans if plan.id in ended)
                signs = zip(design.metrics, design.signs, strict=True)
                chooser.learn(
                    choice, runs, {name: _mean(name, runs, own, s * math.inf) for name, s in signs}
                )
            choices = chooser.choose()
        report()
    return chooser.trials


def _progress(plan: Plan, now: Mapping[str, RunProgress], own: SweepFolder) -> RunProgress:
    """How far a run is, whether it is under way, has ended or waits."""
    return now.get(plan.id) or own.run(plan).progress or RunProgress("waiting for a worker")


def _mean(
    metric: str, runs: Sequence[tuple[Plan, Status]], own: SweepFolder, worst: float
) -> float:
    """Over the seeds; the worst value if a run failed, diverged or has no finite value."""
    values = []
    for plan, status in runs:
        if status.state != "done":
            return worst
        metrics = {} if status.without_result else own.run(plan).result.metrics
        if metric not in metrics:
            names = ", ".join(metrics) or "none"
            raise ParameterError(
                f"the runs have no metric {metric!r} to search by; their metrics: {names}"
            )
        values.append(metrics[metric])
    mean = sum(values) / len(values)
    return mean if math.isfinite(mean) else worst
