"""What a sweep varies: grids, random samples and seeds, and the runs that they define."""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from labkit.experiments.runs import Notebook, Plan
from labkit.session import ParameterError

_CONFIG = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
# not strict, since YAML and JSON have lists where these are tuples
Values: TypeAlias = Annotated[tuple[Any, ...], Field(strict=False)]
Seeds: TypeAlias = Annotated[tuple[int, ...], Field(strict=False)]


MOST_LINES = 10
"""Of an error message: an invalid range has one for each sample."""


class Span(BaseModel):
    """What the values of a random parameter have in common: under which condition it varies."""

    model_config = _CONFIG

    when: Mapping[str, Values] = Field(
        default_factory=dict,
        description="name → values of other parameters with which it varies; with others it has "
        "the notebook's default",
    )

    def varies_with(self, values: Mapping[str, Any]) -> bool:
        """Whether the parameter varies, given the values of others.

        Example:
            >>> Choices(values=(1, 2), when={"algorithm": ("maml",)}).varies_with({})
            False
        """
        return all(
            name in values and values[name] in allowed for name, allowed in self.when.items()
        )


class Choices(Span):
    """Values of a parameter of which each is as likely.

    Example:
        >>> Choices(values=("maml", "anil")).samples(np.random.default_rng(0), 3)
        ['anil', 'maml', 'maml']
    """

    values: Values = Field(min_length=2, description="the values, at least two")

    def samples(self, generator: np.random.Generator, number: int) -> list[Any]:
        """Independent values; more of them begin with the same ones."""
        return [self.values[math.floor(u * len(self.values))] for u in generator.random(number)]


class Range(Span):
    """The range of a parameter's samples.

    Example:
        >>> Range(low=1, high=8, whole=True).samples(np.random.default_rng(0), 4)
        [6, 3, 1, 1]
    """

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
        # whole numbers are rounded down, from a range that is longer by one
        low, high = self.low, self.high + self.whole
        if self.scale == "log":
            low, high = math.log(low), math.log(high)
        uniform = [low + (high - low) * float(share) for share in generator.random(number)]
        values = [math.exp(value) for value in uniform] if self.scale == "log" else uniform
        # exp(log(x)) may miss x by a digit
        within = [min(max(value, self.low), self.high) for value in values]
        return [math.floor(value) for value in within] if self.whole else within


def _kind_of_span(value: object) -> str:
    values = "values" in value if isinstance(value, Mapping) else isinstance(value, Choices)
    return _CHOICES if values else _RANGE


_RANGE, _CHOICES = "a range", "choices of values"
AnySpan: TypeAlias = Annotated[
    Annotated[Range, Tag(_RANGE)] | Annotated[Choices, Tag(_CHOICES)],
    Discriminator(_kind_of_span),
]


class Design(BaseModel):
    """What sweeps and searches share: a notebook, ranges and seeds.

    Raises:
        ParameterError: From `checked`, one line for each problem.
    """

    model_config = _CONFIG

    notebook: str = Field(description="path or short name of the notebook")
    parameters: Mapping[str, Any] = Field(
        default_factory=dict, description="parameters of all runs"
    )
    random: Mapping[str, AnySpan] = Field(
        default_factory=dict, description="name → range or choices of random values"
    )
    sample_seed: int = Field(default=0, ge=0, description="seed of the random values")
    seeds: int | Seeds | None = Field(
        default=None, description="a number n for the seeds 0 … n − 1, or a list of seeds"
    )
    patience: int | None = Field(
        default=None,
        ge=1,
        description="meta-steps after which a run ends whose loss after adaptation has not fallen",
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        problems = [*self._missing(), *self._duplicates(), *self._conditions()]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _missing(self) -> Iterator[str]:
        if self.seeds == () or (isinstance(self.seeds, int) and self.seeds < 1):
            yield f"seeds = {self.seeds!r}: there must be at least one"

    def _duplicates(self) -> Iterator[str]:
        sources: dict[str, list[str]] = {}
        for source in ("parameters", "grid", "random"):
            for name in getattr(self, source, ()):
                sources.setdefault(name, []).append(source)
        if self.seeds is not None:
            sources.setdefault("seed", []).append("seeds")
        for name, several in sources.items():
            if len(several) > 1:
                yield f"{name} is given in {' and '.join(several)}: keep one"

    def _conditions(self) -> Iterator[str]:
        before = {*self.parameters, *getattr(self, "grid", ())}
        for name, span in self.random.items():
            for other in span.when:
                if other not in before:
                    yield f"{name} varies with {other}, which must be given before it"
            before.add(name)

    @classmethod
    def checked(cls, values: Mapping[str, object]) -> Self:
        """The design with these values, as from a YAML file; see the class for errors."""
        try:
            return cls(**values)  # type: ignore[arg-type]  # pydantic checks the values
        except ValidationError as error:
            lines = [_message(cls, dict(entry)) for entry in error.errors()]
        raise ParameterError("\n".join(dict.fromkeys(lines)))

    def continues(self, stored: Mapping[str, Any]) -> bool:
        """Whether this design may continue a stored one that has the same runs."""
        return stored.get("patience") == self.patience

    @property
    def seed_parameters(self) -> list[dict[str, Any]]:
        """The parameter `seed` of each run with the same settings; empty if it does not vary."""
        if self.seeds is None:
            return [{}]
        seeds = range(self.seeds) if isinstance(self.seeds, int) else self.seeds
        return [{"seed": seed} for seed in seeds]


class SweepDesign(Design):
    """A sweep: each combination of the grids, with each sample and each seed.

    Raises:
        ParameterError: From `SweepDesign.checked` and `plans`, one line for each problem.

    Example:
        >>> design = SweepDesign(notebook="01_sinusoid", grid={"alpha": (0.01, 0.1)}, seeds=2)
        >>> [(p.parameters["alpha"], p.parameters["seed"]) for p in design.plans()]
        [(0.01, 0), (0.01, 1), (0.1, 0), (0.1, 1)]
    """

    grid: Mapping[str, Values] = Field(
        default_factory=dict, description="name → values; all combinations are run"
    )
    samples: int | None = Field(default=None, ge=1, description="number of random samples")

    def _missing(self) -> Iterator[str]:
        for name, values in self.grid.items():
            if not values:
                yield f"the grid of {name} is empty: give at least one value"
        yield from super()._missing()
        if self.random and self.samples is None:
            yield f"samples is missing: give the number of samples of {', '.join(self.random)}"
        if self.samples is not None and not self.random:
            yield f"samples = {self.samples}, but random is empty: give a range"
        if not (self.grid or self.random or self.seeds is not None):
            yield "nothing varies: give a grid, random ranges or seeds"

    def plans(self) -> list[Plan]:
        """All runs with checked parameters, in a fixed order: seeds change fastest.

        Raises:
            FileNotFoundError: There is no such notebook.
            ParameterError: One line for each invalid value, unknown name and repeated run.
        """
        notebook = Notebook.read(self.notebook)
        plans: dict[str, Plan] = {}
        problems: dict[str, None] = {}
        for variation in self._variations():
            try:
                plan = Plan.of(notebook, {**self.parameters, **variation})
            except ParameterError as error:
                problems |= dict.fromkeys(str(error).splitlines())
                continue
            if plan.id in plans and not self.random:  # random whole numbers may repeat
                same = ", ".join(f"{name} = {value!r}" for name, value in variation.items())
                problems[f"two runs would be equal, with {same}: give each value once"] = None
            plans[plan.id] = plan
        if problems:
            lines = list(problems)
            if len(lines) > MOST_LINES:
                lines[MOST_LINES:] = [f"and {len(lines) - MOST_LINES} more problems"]
            raise ParameterError("\n".join(lines))
        return list(plans.values())

    @property
    def varying(self) -> tuple[str, ...]:
        """The parameters that differ between runs."""
        seed = ("seed",) if self.seeds is not None else ()
        return (*self.grid, *self.random, *seed)

    def _variations(self) -> Iterator[dict[str, Any]]:
        columns = {
            # a stream per name: another parameter does not change these samples
            name: values.samples(
                np.random.default_rng([self.sample_seed, *name.encode()]), self.samples or 0
            )
            for name, values in self.random.items()
        }
        rows = zip(*columns.values(), strict=True)
        samples = [dict(zip(columns, row, strict=True)) for row in rows]
        for values in itertools.product(*self.grid.values()):
            fixed = dict(zip(self.grid, values, strict=True))
            for sample in samples or [{}]:
                varied: dict[str, Any] = {}
                for name, value in sample.items():
                    if self.random[name].varies_with({**self.parameters, **fixed, **varied}):
                        varied[name] = value
                for seed in self.seed_parameters:
                    yield {**fixed, **varied, **seed}


def _message(kind: type[Design], entry: dict[str, Any]) -> str:
    """An error of pydantic as a line, or as the lines of a validator above."""
    cause = entry.get("ctx", {}).get("error")
    where = ".".join(str(part) for part in entry["loc"] if part not in (_RANGE, _CHOICES))
    if cause is not None:
        return f"{where}: {cause}" if where else str(cause)
    if entry["type"] == "extra_forbidden":
        name = kind.__name__.removesuffix("Design").lower()
        return f"{where}: a {name} has no such entry; it has {', '.join(kind.model_fields)}"
    if entry["type"] == "missing":
        return f"{where} is missing"
    if entry["loc"][0] == "seeds":
        return "seeds must be a whole number, or a list of whole numbers"
    lists = {"tuple_type": "must be a list, such as [0.01, 0.1]"}
    return f"{where} = {entry['input']!r}: {lists.get(entry['type'], entry['msg'])}"
