"""Times of the benchmark of speed as medians, ratios, a table and JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any, Self, final

from benchmarks.peers.candidates import REFERENCE
from benchmarks.peers.worker import Block, Start


@final
@dataclass(frozen=True, slots=True)
class Spread:
    """Of the rounds' values.

    Attributes:
        median: The middle one.
        low: First quartile.
        high: Third quartile.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Of one value or more."""
        # of one value alone quantiles are not defined
        low, middle, high = quantiles(list(values) * (1 + (len(values) == 1)), method="inclusive")
        return cls(middle, low, high)


@final
@dataclass(frozen=True, slots=True)
class Result:
    """One peer at one work.

    Attributes:
        group: Of the case.
        case: Its name, and that of the work.
        peer: Name.
        threads: That it was allowed.
        learners: That all times are per, too.
        milliseconds: Wall time of a meta-step.
        ratio: To the reference, round by round: what slows a round down slows both.
        cores: Processor time by wall time, of all rounds.
        start: Its beginning, of all learners together.
    """

    group: str
    case: str
    peer: str
    threads: int
    learners: int
    milliseconds: Spread
    ratio: Spread
    cores: float
    start: Start


@final
@dataclass(frozen=True, slots=True)
class Entrant:
    """What was measured of one peer at one work.

    Attributes:
        work: Name of the work within its case.
        peer: Name.
        learners: Number of them.
        start: Its beginning.
        rounds: A block of each round.
    """

    work: str
    peer: str
    learners: int
    start: Start
    rounds: list[Block]


def results(group: str, case: str, threads: int, entrants: Sequence[Entrant]) -> list[Result]:
    """Medians and ratios of a case; the reference is measured in the same rounds.

    Raises:
        ValueError: The reference is not among the entrants.
    """
    base = next((e for e in entrants if e.peer == REFERENCE), None)
    if base is None:
        raise ValueError(f"{case}: expected {REFERENCE}, which ratios are to, got none")
    ones = [block.seconds / base.learners for block in base.rounds]
    entries = []
    for entrant in entrants:
        times = [block.seconds / entrant.learners for block in entrant.rounds]
        wall = sum(block.seconds for block in entrant.rounds)
        entries.append(
            Result(
                group,
                f"{case}, {entrant.work}" if entrant.work else case,
                entrant.peer,
                threads,
                entrant.learners,
                Spread.of([1000 * t for t in times]),
                Spread.of([t / one for t, one in zip(times, ones, strict=True)]),
                sum(block.processor_seconds for block in entrant.rounds) / wall,
                entrant.start,
            )
        )
    return entries


HEAD = (
    f"| work | threads | peer | ms per meta-step | quartiles | × {REFERENCE} | quartiles "
    "| first meta-step, s | memory, MB |\n"
    "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
)


def rows(results: Iterable[Result]) -> str:
    """Rows of the table under `HEAD`, in Markdown."""
    return "".join(
        f"| {r.case} | {r.threads} | {r.peer} | {_short(r.milliseconds.median)} "
        f"| {_range(r.milliseconds)} | {_short(r.ratio.median)} | {_range(r.ratio)} "
        f"| {_short(r.start.first_seconds)} | {r.start.megabytes:.0f} |\n"
        for r in results
    )


def result_from_json(saved: dict[str, Any]) -> Result:
    """What `dataclasses.asdict` gave."""
    parts = {
        "milliseconds": Spread(**saved["milliseconds"]),
        "ratio": Spread(**saved["ratio"]),
        "start": Start(**saved["start"]),
    }
    return Result(**(saved | parts))


def _short(number: float) -> str:
    """Three digits."""
    digits = 0 if number >= 100 else 1 if number >= 10 else 2
    return f"{number:.{digits}f}"


def _range(spread: Spread) -> str:
    return f"{_short(spread.low)}–{_short(spread.high)}"
