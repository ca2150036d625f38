"""What a search tries: its ranges, and Optuna's choices from them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from labkit.experiments.kernels import silent
from labkit.experiments.runs import Notebook, Plan, Status
from labkit.experiments.sweeps.design import Design
from labkit.session import ParameterError

if TYPE_CHECKING:
    import optuna


class SearchDesign(Design):
    """A search for the values of some parameters that make a metric small.

    Each trial is a run, or one for each of `seeds`: the same for all trials, so that a trial is
    not preferred for its luck; the mean over them counts.

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
    minimise: str = Field(min_length=1, description="the metric that is to be small")
    together: int = Field(
        default=2, ge=1, description="trials that are chosen before the next results are known"
    )

    def _gaps(self) -> Iterator[str]:
        yield from super()._gaps()
        if not self.random:
            yield "there is nothing to search: give random ranges"

    @property
    def varying(self) -> tuple[str, ...]:
        """The parameters that differ between runs."""
        return (*self.random, *(("seed",) if self.seeds is not None else ()))

    def continues(self, noted: Mapping[str, Any]) -> bool:
        """Whether a search that was noted in a folder was this one; it may have been shorter."""
        own = self.model_dump(mode="json")
        return {**noted, "search": self.search} == own


@dataclass(frozen=True, slots=True)
class Trial:
    """One choice of values, and what came of it.

    Attributes:
        values: Parameter → value.
        runs: A run for each seed, each with its status.
        metric: Mean over the seeds; infinite if a run has failed or has no finite value.
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
        asked: What Optuna calls it.
    """

    values: dict[str, Any]
    plans: list[Plan]
    asked: "optuna.Trial"


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
        """The next trials; none when there have been enough.

        Raises:
            ParameterError: A value is not allowed.
        """
        first = len(self.trials)
        numbers = range(first, min(first + self._design.together, self._design.search))
        return [self._choice(number) for number in numbers]

    def _choice(self, number: int) -> Choice:
        # of each trial alone: what is chosen does not depend on how often the search was begun
        generator = np.random.default_rng([self._design.sample_seed, number])
        self._study.sampler = self._sampler(seed=int(generator.integers(2**32)))
        asked = self._study.ask(self._distributions)
        values = dict(asked.params)
        same = {**self._design.parameters, **values}
        plans = [Plan.of(self._notebook, {**same, **seed}) for seed in self._design.seeded]
        return Choice(values, plans, asked)

    def learn(self, choice: Choice, runs: tuple[tuple[Plan, Status], ...], metric: float) -> None:
        """Take note of what came of a choice."""
        with silent("optuna"):
            self._study.tell(choice.asked, metric)
        self.trials.append(Trial(choice.values, runs, metric))
