"""Trials that are given up early: the losses of their runs, as steps of Optuna's trials."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, TypeAlias

from labkit.session import RunProgress

if TYPE_CHECKING:
    import optuna

Pruner: TypeAlias = Literal["median", "halving", "hyperband"]

CHECKS = 20
"""How often a run is compared with others, at equal distances of its training."""


def pruner_of(name: Pruner | None, runs: int) -> "optuna.pruners.BasePruner":
    """Optuna's pruner.

    Args:
        name: "median": worse than the median of earlier trials at the same step; "halving": not in
            the best quarter of those that have come as far; "hyperband": halving with several
            budgets; None: no trial is given up.
        runs: Of each trial.

    Source:
        Li, Jamieson, DeSalvo, Rostamizadeh, Talwalkar 2018, Hyperband.
    """
    import optuna  # noqa: PLC0415  # an extra

    match name:
        case None:
            return optuna.pruners.NopPruner()
        case "median":
            return optuna.pruners.MedianPruner()
        case "halving":
            return optuna.pruners.SuccessiveHalvingPruner()
        case "hyperband":
            return optuna.pruners.HyperbandPruner(max_resource=CHECKS * runs)


def steps(runs: Iterable[RunProgress]) -> dict[int, float]:
    """Step → training loss after adaptation, for the runs of a trial, one after another.

    A run counts once the one before is complete: a trial's steps then come in their order, and the
    same step is the same seed in all trials.

    Example:
        >>> half = [(n, 4.0, 1.0 / n) for n in range(1, 6)]
        >>> list(steps([RunProgress("training", 5, 10, half)]).items())[-1]
        (10, 0.2)
    """
    result: dict[int, float] = {}
    for number, run in enumerate(runs):
        if not run.curve or run.meta_steps is None:
            break
        points = max(1, run.meta_steps // run.curve[0][0])
        for count, (_, _, after) in enumerate(run.curve, 1):
            if check := CHECKS * count // points:
                result.setdefault(number * CHECKS + check, math.inf if after is None else after)
        if len(run.curve) < points:
            break
    return result
