"""Runs compared: means over seeds with intervals, and differences on the same seeds."""

import difflib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from labkit.experiments.groups import Group, label
from labkit.experiments.student_t import Mean
from labkit.session.parameter_words import ParameterError

if TYPE_CHECKING:
    from pandas import DataFrame

METRIC, SEED = "query_loss_after", "seed"


def _check_name(kind: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        seed = " (seeds are what is averaged over)" if name == SEED else ""
        raise ParameterError(
            f"there is no {kind} {name!r}{seed}{hint} There are: {', '.join(known)}"
        )


def _split(runs: "DataFrame", names: list[str]) -> list["DataFrame"]:
    """Rows with equal values, in the order of the values."""
    if not names:
        return [runs]
    return [frame for _, frame in runs.groupby(names, dropna=False, sort=True)]


def _group(
    frame: "DataFrame", names: Sequence[str], metric: str, differing: Sequence[str]
) -> Group:
    values = {name: frame[name].tolist()[0] for name in names}
    for name in differing:
        found = frame[name].drop_duplicates().tolist()
        if len(found) > 1:
            raise ValueError(
                f"{label(values)} has runs with {name} = {_list(found)}, which must not be mixed: "
                f"compare by {','.join((*names, name))}"
            )
    seeds = [int(seed) for seed in frame[SEED]]
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if twice:
        raise ValueError(
            f"{label(values)} has more than one run with seed {_list(twice)}, of another version "
            "of the notebook or of labkit: give the folder of one of them"
        )
    metrics = frame[metric].astype(float).tolist()
    by_seed = dict(sorted(zip(seeds, metrics, strict=True)))
    return Group(values, by_seed, frozenset(frame["run"]))


def _numbers(found: Mean) -> dict[str, float]:
    return {"mean": found.mean, "ci95": found.ci95, "low": found.low, "high": found.high}


def _frame(rows: list[dict[str, Any]]) -> "DataFrame":
    import pandas as pd  # noqa: PLC0415  # it takes a while, and most commands do without

    return pd.DataFrame(rows)


def _list(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
