"""A search: Optuna chooses the next trials from the results of earlier ones."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from labkit.experiments.runs import Notebook, Plan, Status
from labkit.experiments.sweeps.design import Design
from labkit.experiments.sweeps.grid import OnEvent, Tally
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
from labkit.session import ParameterError

if TYPE_CHECKING:
    import optuna


class SearchDesign(Design):
    """A search for the values of some parameters that make a metric small.

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
    minimise: str = Field(min_length=1, description="the metric to minimise")
    together: int = Field(
        default=2, ge=1, description="trials that are chosen at once, before their results"
    )

    def _missing(self) -> Iterator[str]:
        yield from super()._missing()
        if not self.random:
            yield "there is nothing to search: give random ranges"

    @property
    def varying(self) -> tuple[str, ...]:
        """The parameters that differ between runs."""
        return (*self.random, *(("seed",) if self.seeds is not None else ()))

    def continues(self, stored: Mapping[str, Any]) -> bool:
        """Whether a stored search was this one; it may have been shorter."""
        own = self.model_dump(mode="json")
        return {**stored, "search": self.search} == own


@dataclass(frozen=True, slots=True)
class Trial:
    """One choice of values and its result.

    Attributes:
        values: Parameter → value.
        runs: A run for each seed, each with its status.
        metric: Mean over the seeds; infinite if a run has failed, diverged or has no finite value.
    """

    values: dict[str, Any]
    runs: tuple[tuple[Plan, Status], ...]
    metric: float


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
        self._distributions: dict[str, optuna.distributions.BaseDistribution] = {
            name: optuna.distributions.IntDistribution(
                int(span.low), int(span.high), log=span.scale == "log"
            )
            if span.whole
            else optuna.distributions.FloatDistribution(
                span.low, span.high, log=span.scale == "log"
            )
            for name, span in design.random.items()
        }
        with silent("optuna"):
            self._study = optuna.create_study(direction="minimize")

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
        optuna_trial = self._study.ask(self._distributions)
        values = dict(optuna_trial.params)
        same = {**self._design.parameters, **values}
        plans = [Plan.of(self._notebook, {**same, **seed}) for seed in self._design.seed_parameters]
        return Choice(values, plans, optuna_trial)

    def learn(self, choice: Choice, runs: tuple[tuple[Plan, Status], ...], metric: float) -> None:
        """Learn the result of a choice."""
        with silent("optuna"):
            self._study.tell(choice.optuna_trial, metric)
        self.trials.append(Trial(choice.values, runs, metric))


def search(
    design: SearchDesign,
    folder: str | Path,
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    retry: bool = False,
    timeout: float | None = None,
    wait: float = WAIT,
    on_event: OnEvent = lambda _: None,
    on_notice: OnNotice = lambda _: None,
    on_progress: OnProgress = lambda _: None,
    on_end: OnEnd = lambda _, __: None,
) -> list[Trial]:
    """Minimise a metric by trials; the arguments are those of `sweep`.

    The design and the results determine the choices, so an interrupted search continues: it chooses
    the same values again and finds their runs. A search with more trials continues, too.

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

    def report() -> None:
        on_event(Tally.of(design.search * len(design.seed_parameters), ended.values()))

    with ExitStack() as stack:
        own = stack.enter_context(own.claim(design, choices[0].plans, retry=retry))
        report()
        client = None
        while choices:
            left = {}
            for plan in [plan for choice in choices for plan in choice.plans]:
                status = own.ended(plan)
                if status is None or (status.state == "failed" and retry):
                    left[plan.id] = plan
                else:
                    ended[plan.id] = status
            if left:
                client = client or stack.enter_context(
                    workers(min(jobs, most) if jobs else jobs, scheduler)
                )
                runs_left = run_plans(
                    client,
                    own,
                    list(left.values()),
                    timeout,
                    wait=wait,
                    on_notice=on_notice,
                    on_progress=on_progress,
                )
                with closing(runs_left) as results:
                    for plan, status in results:
                        ended[plan.id] = status
                        on_end(plan, status)
                        report()
            for choice in choices:
                runs = tuple((plan, ended[plan.id]) for plan in choice.plans)
                chooser.learn(choice, runs, _mean(design.minimise, runs, own))
            choices = chooser.choose()
        report()
    return chooser.trials


def _mean(metric: str, runs: Sequence[tuple[Plan, Status]], own: SweepFolder) -> float:
    """Over the seeds; infinite if a run failed, diverged or has no finite value."""
    values = []
    for plan, status in runs:
        if status.state != "done":
            return math.inf
        metrics = {} if status.without_result else own.run(plan).result.metrics
        if metric not in metrics:
            names = ", ".join(metrics) or "none"
            raise ParameterError(
                f"the runs have no metric {metric!r} to minimise; their metrics: {names}"
            )
        values.append(metrics[metric])
    mean = sum(values) / len(values)
    return mean if math.isfinite(mean) else math.inf
