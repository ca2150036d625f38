"""What the tables share: the runs of one sweep, and whether they agree with a published number."""

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from labkit.experiments import mean_interval
from labkit.session import CheckedModel

if TYPE_CHECKING:
    from pandas import DataFrame

FAR = 10.0
"""A loss so many times the published one is no matter of chance."""


def one_more(by_seed: Sequence[float], tasks_ci95: float) -> tuple[float, float]:
    """Where the mean of one more run would lie, with 95 %: m ± t s √(1 + 1/n).

    A published number is such a run: trained once, and tested on tasks of its own. Few seeds may
    agree by chance; t s is therefore no less than the interval over the tasks.

    Args:
        by_seed: Mean loss of each of our runs, n ≥ 2.
        tasks_ci95: Half width of the 95 % interval of one run's mean over its tasks.

    Example:
        >>> low, high = one_more((1.0, 2.0, 3.0), 0.1)
        >>> print(f"{low:.2f} {high:.2f}")
        -2.97 6.97
    """
    found = mean_interval(by_seed)
    seeds = found.ci95 * math.sqrt(found.count)  # t s
    half = max(seeds, tasks_ci95) * math.sqrt(1 + 1 / found.count)
    return found.mean - half, found.mean + half


def verdict(by_seed: Sequence[float], tasks_ci95: float, paper: float, half_digit: float) -> str:
    """What runs say of a published loss p, up to its last digit.

    "reproduced": p lies where one more run would. "better": all of that range is below p.
    "not reproduced": p lies outside, or a run is more than `FAR` times p. "undecided": p lies in
    the range, but this reaches further from the mean than p itself and says nothing.
    "too few seeds": there is one alone.

    Args:
        by_seed: Mean loss of each run.
        tasks_ci95: Half width of the 95 % interval of one run's mean over its tasks.
        paper: p > 0, smaller is better.
        half_digit: Half of its last digit.

    Example:
        >>> verdict((0.64, 0.66, 0.7), 0.06, 0.67, 0.005)
        'reproduced'
    """
    if len(by_seed) < 2:
        return "too few seeds"
    # `not <=` also counts nan
    if any(not loss <= FAR * paper for loss in by_seed):
        return "not reproduced"
    low, high = one_more(by_seed, tasks_ci95)
    if high < paper - half_digit:
        return "better"
    if not low - half_digit <= paper <= high + half_digit:
        return "not reproduced"
    return "reproduced" if high - low <= 2 * paper else "undecided"


def check_one_sweep(
    frame: "DataFrame", kind: type[CheckedModel], over: Sequence[str]
) -> dict[str, Any]:
    """The parameters that all runs have in common.

    Args:
        frame: Curves of runs, from `load_curves`.
        kind: What the parameters are.
        over: Those in which the runs may differ; together they name one run.

    Raises:
        ValueError: The runs differ in another one, or two have the same of these.
    """
    same = [name for name in kind.model_fields if name not in over]
    for name in same:
        found = sorted(frame[name].unique().tolist())
        if len(found) > 1:
            values = ", ".join(map(str, found))
            raise ValueError(
                f"the runs differ in {name} ({values}), and a table is of one: give the folder of "
                "one sweep"
            )
    runs = frame.drop_duplicates("run")
    twice = runs[runs.duplicated(list(over))]
    if len(twice):
        method, *others = twice[list(over)].to_numpy().tolist()[0]
        which = " and ".join(f"{n} {v}" for n, v in zip(over[1:], others, strict=True))
        raise ValueError(
            f"{method} has more than one run with {which}, of another version of the notebook "
            "or of labkit: give the folder of one of them"
        )
    return {name: frame[name].tolist()[0] for name in same}


def departures(
    settings: dict[str, Any], paper: CheckedModel, beside: Collection[str] = ()
) -> tuple[str, ...]:
    """Those of the common parameters that are not the paper's, in words.

    Args:
        settings: From `check_one_sweep`.
        paper: All of the paper's.
        beside: Names that are not a matter of the paper.
    """
    return tuple(
        f"{name} = {value}, where the paper has {getattr(paper, name)}"
        for name, value in settings.items()
        if name not in beside and value != getattr(paper, name)
    )
