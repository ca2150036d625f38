"""What a sweep varies: grids, random samples and seeds, and the runs that follow from them."""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from labkit.experiments.runs import Notebook, Plan
from labkit.session import ParameterError

_CONFIG = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
# not strict, since YAML and JSON have lists where these are tuples
Values: TypeAlias = Annotated[tuple[Any, ...], Field(strict=False)]
Seeds: TypeAlias = Annotated[tuple[int, ...], Field(strict=False)]


MOST_LINES = 10
"""Of complaints: a range that is not allowed has one for each value that is drawn from it."""


class Range(BaseModel):
    """Where the samples of a parameter lie.

    Example:
        >>> Range(low=1, high=8, whole=True).samples(np.random.default_rng(0), 4)
        [6, 3, 1, 1]
    """

    model_config = _CONFIG

    low: float = Field(description="smallest value")
    high: float = Field(description="largest value")
    scale: Literal["linear", "log"] = Field(
        default="linear", description="log: each factor of ten is equally likely"
    )
    whole: bool = Field(default=False, description="whole numbers only, both ends included")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low must be less than high, got {self.low:g} and {self.high:g}")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"low must be > 0 on a log scale, got {self.low:g}")
        if self.whole and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError(
                f"both ends of a whole range must be whole, got {self.low:g} and {self.high:g}"
            )
        return self

    def samples(self, generator: np.random.Generator, number: int) -> list[float] | list[int]:
        """Independent values; more of them begin with the same ones."""
        # whole numbers are rounded down from a range that is one longer
        low, high = self.low, self.high + self.whole
        if self.scale == "log":
            low, high = math.log(low), math.log(high)
        drawn = [low + (high - low) * float(share) for share in generator.random(number)]
        values = [math.exp(value) for value in drawn] if self.scale == "log" else drawn
        # exp(log(x)) may miss x by a digit
        within = [min(max(value, self.low), self.high) for value in values]
        return [math.floor(value) for value in within] if self.whole else within


class Design(BaseModel):
    """What sweeps and searches have in common: a notebook, ranges and seeds.

    Raises:
        ParameterError: From `checked`, one line for each thing that is not allowed.
    """

    model_config = _CONFIG

    notebook: str = Field(description="path or short name of the notebook")
    parameters: Mapping[str, Any] = Field(
        default_factory=dict, description="parameters that are the same in all runs"
    )
    random: Mapping[str, Range] = Field(
        default_factory=dict, description="name → range, of which values are drawn"
    )
    sample_seed: int = Field(default=0, ge=0, description="decides what is drawn")
    seeds: int | Seeds | None = Field(
        default=None, description="a number n for the seeds 0 … n − 1, or a list of seeds"
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        complaints = [*self._gaps(), *self._repetitions()]
        if complaints:
            raise ValueError("\n".join(complaints))
        return self

    def _gaps(self) -> Iterator[str]:
        if self.seeds == () or (isinstance(self.seeds, int) and self.seeds < 1):
            yield f"seeds = {self.seeds!r}: there must be at least one"

    def _repetitions(self) -> Iterator[str]:
        places: dict[str, list[str]] = {}
        for place in ("parameters", "grid", "random"):
            for name in getattr(self, place, ()):
                places.setdefault(name, []).append(place)
        if self.seeds is not None:
            places.setdefault("seed", []).append("seeds")
        for name, found in places.items():
            if len(found) > 1:
                yield f"{name} stands in {' and '.join(found)}: keep it in one of them"

    @classmethod
    def checked(cls, values: Mapping[str, object]) -> Self:
        """A design from values by name, as a YAML file has them; see the class for errors."""
        try:
            return cls(**values)  # type: ignore[arg-type]  # pydantic judges the values
        except ValidationError as error:
            lines = [_in_words(cls, dict(entry)) for entry in error.errors()]
        raise ParameterError("\n".join(dict.fromkeys(lines)))

    def continues(self, noted: Mapping[str, Any]) -> bool:  # noqa: ARG002
        """Whether a design that was noted in a folder, with the same runs, may go on as this."""
        return True

    @property
    def seeded(self) -> list[dict[str, Any]]:
        """The parameter `seed` of each run of one setting; nothing where it does not vary."""
        if self.seeds is None:
            return [{}]
        seeds = range(self.seeds) if isinstance(self.seeds, int) else self.seeds
        return [{"seed": seed} for seed in seeds]


class SweepDesign(Design):
    """A sweep: every value of the grid with every other, with each sample, with each seed.

    Raises:
        ParameterError: From `SweepDesign.checked` and `plans`, one line for each thing that is
            not allowed.

    Example:
        >>> design = SweepDesign(notebook="01_sinusoid", grid={"alpha": (0.01, 0.1)}, seeds=2)
        >>> [(p.parameters["alpha"], p.parameters["seed"]) for p in design.plans()]
        [(0.01, 0), (0.01, 1), (0.1, 0), (0.1, 1)]
    """

    grid: Mapping[str, Values] = Field(
        default_factory=dict, description="name → values, each with each"
    )
    samples: int | None = Field(default=None, ge=1, description="how often values are drawn")

    def _gaps(self) -> Iterator[str]:
        for name, values in self.grid.items():
            if not values:
                yield f"the grid of {name} is empty: give at least one value"
        yield from super()._gaps()
        if self.random and self.samples is None:
            yield f"samples is missing: how often is {', '.join(self.random)} to be drawn?"
        if self.samples is not None and not self.random:
            yield f"samples = {self.samples}: there is nothing to draw, random is empty"
        if not (self.grid or self.random or self.seeds is not None):
            yield "nothing varies: give a grid, random ranges or seeds"

    def plans(self) -> list[Plan]:
        """All runs, each with checked parameters, in an order that stays: seeds change fastest.

        Raises:
            FileNotFoundError: There is no such notebook.
            ParameterError: One line for each value that is not allowed and each unknown name, or
                a run that would be made twice.
        """
        notebook = Notebook.read(self.notebook)
        plans: dict[str, Plan] = {}
        complaints: dict[str, None] = {}
        for varied in self._varied():
            try:
                plan = Plan.of(notebook, {**self.parameters, **varied})
            except ParameterError as error:
                complaints |= dict.fromkeys(str(error).splitlines())
                continue
            if plan.id in plans and not self.random:  # draws of whole numbers may repeat
                same = ", ".join(f"{name} = {value!r}" for name, value in varied.items())
                complaints[f"two runs would be the same, with {same}: name each value once"] = None
            plans[plan.id] = plan
        if complaints:
            lines = list(complaints)
            if len(lines) > MOST_LINES:
                lines[MOST_LINES:] = [f"and {len(lines) - MOST_LINES} more complaints"]
            raise ParameterError("\n".join(lines))
        return list(plans.values())

    @property
    def varying(self) -> tuple[str, ...]:
        """The parameters that differ between runs."""
        seed = ("seed",) if self.seeds is not None else ()
        return (*self.grid, *self.random, *seed)

    def _varied(self) -> Iterator[dict[str, Any]]:
        drawn = {
            # a stream for each name, so that one more parameter leaves the others' samples alone
            name: values.samples(
                np.random.default_rng([self.sample_seed, *name.encode()]), self.samples or 0
            )
            for name, values in self.random.items()
        }
        samples = [dict(zip(drawn, row, strict=True)) for row in zip(*drawn.values(), strict=True)]
        for values in itertools.product(*self.grid.values()):
            for sample in samples or [{}]:
                for seed in self.seeded:
                    yield {**dict(zip(self.grid, values, strict=True)), **sample, **seed}


def _in_words(kind: type[Design], entry: dict[str, Any]) -> str:
    """A complaint of pydantic as a line, or as lines of our own."""
    cause = entry.get("ctx", {}).get("error")
    where = ".".join(str(part) for part in entry["loc"])
    if cause is not None:
        return f"{where}: {cause}" if where else str(cause)
    if entry["type"] == "extra_forbidden":
        what = kind.__name__.removesuffix("Design").lower()
        return f"{where}: a {what} has no such part; there are {', '.join(kind.model_fields)}"
    if entry["type"] == "missing":
        return f"{where} is missing"
    if entry["loc"][0] == "seeds":
        return "seeds must be a whole number, or a list of whole numbers"
    lists = {"tuple_type": "must be a list, such as [0.01, 0.1]"}
    return f"{where} = {entry['input']!r}: {lists.get(entry['type'], entry['msg'])}"
