"""What the tables share: the runs of one sweep, and whether they agree with a published number."""

import math
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from labkit.experiments import mean_interval
from labkit.session import CheckedModel

if TYPE_CHECKING:
    from pandas import DataFrame

FAR = 10.0
"""A loss that is this many times the published one is not due to chance."""


def one_more(by_seed: Sequence[float], tasks_ci95: float) -> tuple[float, float]:
    """The 95 % prediction interval for the mean of one more run: m ± t s √(1 + 1/n).

    A published number is such a run: trained once, and tested on its own tasks. A few seeds may
    agree by chance, so t s is at least the interval over the tasks.

    Args:
        by_seed: Mean loss of each run, n ≥ 2.
        tasks_ci95: Half width of the 95 % interval of one run's mean over its tasks.

    Example:
        >>> low, high = one_more((1.0, 2.0, 3.0), 0.1)
        >>> print(f"{low:.2f} {high:.2f}")
        -2.97 6.97
    """
    mean = mean_interval(by_seed)
    seeds = mean.ci95 * math.sqrt(mean.count)  # t s
    half = max(seeds, tasks_ci95) * math.sqrt(1 + 1 / mean.count)
    return mean.mean - half, mean.mean + half


def verdict(by_seed: Sequence[float], tasks_ci95: float, paper: float, half_digit: float) -> str:
    """Judge a published loss p by our runs, up to its last digit.

    "reproduced": p lies in the prediction interval of `one_more`. "better": all of that interval is
    below p. "not reproduced": p lies outside, or a run is more than `FAR` times p. "undecided": p
    lies in the interval, but this is too wide to decide: its half width exceeds p.
    "too few seeds": there is only one.

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
    """The common parameters of all runs.

    Args:
        frame: Curves of runs, from `load_curves`.
        kind: The settings of the runs.
        over: Parameters in which the runs may differ; together they identify a run.

    Raises:
        ValueError: The runs differ in another parameter, or two are equal in all of `over`.
    """
    same = [name for name in kind.model_fields if name not in over]
    for name in same:
        several = sorted(frame[name].unique().tolist())
        if len(several) > 1:
            values = ", ".join(map(str, several))
            raise ValueError(
                f"the runs differ in {name} ({values}), but a table needs equal ones: give the "
                "folder of one sweep"
            )
    runs = frame.drop_duplicates("run")
    twice = runs[runs.duplicated(list(over))]
    if len(twice):
        method, *others = twice[list(over)].to_numpy().tolist()[0]
        which = " and ".join(f"{n} {v}" for n, v in zip(over[1:], others, strict=True))
        raise ValueError(
            f"{method} has more than one run with {which}, from different versions of the notebook "
            "or of labkit: give the folder of one version"
        )
    return {name: frame[name].tolist()[0] for name in same}


def claims_text(claims: Iterable[str], departures: Iterable[str]) -> str:
    """A line for each sentence on a number, and for each on a setting that is not the paper's."""
    return "\n".join([*claims, *(f"not the paper's: {words}" for words in departures)])


def departures(
    settings: dict[str, Any], paper: CheckedModel, ignored: Collection[str] = ()
) -> tuple[str, ...]:
    """A sentence for each common parameter that differs from the paper's.

    Args:
        settings: From `check_one_sweep`.
        paper: The paper's settings.
        ignored: Parameters that need not be the paper's.
    """
    return tuple(
        f"{name} = {value}, where the paper has {getattr(paper, name)}"
        for name, value in settings.items()
        if name not in ignored and value != getattr(paper, name)
    )
