"""Runs compared: means over seeds with intervals, and differences on the same seeds."""

import difflib
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.experiments.compare.groups import Group, Pair, label
from labkit.experiments.compare.student_t import Mean
from labkit.session import ParameterError

if TYPE_CHECKING:
    from pandas import DataFrame

METRIC, SEED = "query_loss_after", "seed"

MOST_NAMES = 20
"""In a message."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is known of a metric from runs with several seeds.

    Attributes:
        metric: Its name.
        by: Parameters that tell the groups apart.
        groups: In the order of the parameters' values.
        pairs: All pairs of groups that have seeds in common.
        apart: Labels of the pairs that have none, and are not compared.
    """

    metric: str
    by: tuple[str, ...]
    groups: tuple[Group, ...]
    pairs: tuple[Pair, ...]
    apart: tuple[tuple[str, str], ...]

    @property
    def close_pairs(self) -> tuple[Pair, ...]:
        """The pairs that differ in one parameter alone."""
        return tuple(pair for pair in self.pairs if len(pair.differing) == 1)

    def table(self) -> str:
        """Groups with their intervals, then differences, as text with four digits.

        Pairs that differ in more than one parameter are counted, not shown: see `pairs_frame`.
        """
        width = max(len(self.metric), *(len(group.label) for group in self.groups))
        lines = [f"{self.metric:<{width}}  seeds       mean     ± 95 %"]
        for group in self.groups:
            mean = group.mean
            lines.append(
                f"{group.label:<{width}}  {mean.count:5d} {mean.mean:10.4g} {mean.half:>10}"
            )
        if self.close_pairs:
            named = [(f"{p.left.label} − {p.right.label}", p) for p in self.close_pairs]
            width = max(len(name) for name, _ in named)
            lines += ["", f"{'difference on the same seeds':<{width}}  seeds       mean     ± 95 %"]
            for name, pair in named:
                mean = pair.difference
                lines.append(
                    f"{name:<{width}}  {mean.count:5d} {mean.mean:+10.4g} {mean.half:>10}"
                    f"  {pair.verdict}"
                )
        further = len(self.pairs) - len(self.close_pairs)
        if further:
            words = "more pair differs" if further == 1 else "more pairs differ"
            lines.append(f"{further} {words} in more than one parameter")
        return "\n".join([*lines, *self.warnings()])

    def claims(self) -> str:
        """A sentence for each pair that differs in one parameter, with its interval."""
        return "\n".join(pair.claim for pair in self.close_pairs) or "There is nothing to compare."

    def warnings(self) -> list[str]:
        """What a reader of the table should know: one line each."""
        few = sum(len(pair.seeds) == 1 for pair in self.pairs)
        odd = [g.label for g in self.groups if not math.isfinite(g.mean.mean)]
        counted = [
            (len(odd), f"not finite for some seed, so without a mean: {'; '.join(odd)}"),
            (few, f"one seed in common, so a difference without an interval: {few} of the pairs"),
            (
                len(self.apart),
                f"no seed in common, so not compared: {len(self.apart)} of the pairs, such as "
                + " and ".join(next(iter(self.apart), ())),
            ),
        ]
        return [words for count, words in counted if count]

    def groups_frame(self) -> "DataFrame":
        """A row a group: its parameters, `seeds` (number), `mean`, `ci95`, `low`, `high`."""
        return _frame(
            [{**g.values, "seeds": g.mean.count, **_numbers(g.mean)} for g in self.groups]
        )

    def pairs_frame(self) -> "DataFrame":
        """A row a pair: `left`, `right`, `seeds`, `mean` of left − right, `ci95`, `verdict`."""
        return _frame(
            [
                {
                    "left": pair.left.label,
                    "right": pair.right.label,
                    "seeds": len(pair.seeds),
                    **_numbers(pair.difference),
                    "verdict": pair.verdict,
                }
                for pair in self.pairs
            ]
        )


def compare_runs(
    runs: "DataFrame", metric: str = METRIC, by: Sequence[str] | None = None
) -> Comparison:
    """Compare groups of runs that differ in more than the seed.

    A group's interval is t · s / √n over its n seeds. Differences are taken seed by seed, which
    removes what the seeds have in common: the initial θ and the tasks.

    Args:
        runs: What `load_runs` has read, or some of its rows.
        metric: A column with numbers.
        by: Parameters that tell the groups apart; by default all that differ but the seed.

    Raises:
        ParameterError: There is no such metric or parameter.
        ValueError: A group mixes runs that differ in more than the seed, or no two groups have
            a seed in common.

    Example:
        >>> import labkit
        >>> found = compare_runs(labkit.load_runs("notebooks/data/example_sweep"))
        >>> found.by, len(found.groups), len(found.pairs)
        (('alpha', 'order'), 6, 15)
    """
    if "parameters" not in runs.attrs:
        raise ValueError("runs must be a table that labkit.load_runs has read, got another frame")
    parameters: list[str] = [n for n in ("notebook", *runs.attrs["parameters"]) if n != SEED]
    _check_name("metric", metric, runs.attrs["metrics"])
    if SEED not in runs.attrs["parameters"]:
        raise ValueError(
            f"the runs have no parameter {SEED!r}: without several seeds there is no interval"
        )
    _check_all_have(runs, metric)
    for name in by or ():
        _check_name("parameter", name, parameters)
    differing = [name for name in parameters if runs[name].nunique(dropna=False) > 1]
    chosen = tuple(dict.fromkeys(differing if by is None else by))
    groups = tuple(_group(frame, chosen, metric, differing) for frame in _split(runs, list(chosen)))
    pairs, apart = [], []
    for left, right in itertools.combinations(groups, 2):
        common = tuple(seed for seed in left.metric if seed in right.metric)
        if common:
            pairs.append(Pair(left, right, common))
        else:
            apart.append((left.label, right.label))
    if apart and not pairs:
        raise ValueError(
            "no two groups have a seed in common, so that their differences cannot be told from "
            "those between seeds: "
            + "; ".join(f"{g.label} has seeds {_list(g.metric)}" for g in groups)
            + ". Run them with the same seeds"
        )
    return Comparison(metric, chosen, groups, tuple(pairs), tuple(apart))


def _check_name(kind: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        seed = " (seeds are what is averaged over)" if name == SEED else ""
        more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
        raise ParameterError(
            f"there is no {kind} {name!r}{seed}{hint} There are: "
            f"{', '.join(known[:MOST_NAMES])}{more}"
        )


def _check_all_have(runs: "DataFrame", metric: str) -> None:
    """Refuse a notebook none of whose runs has the metric, beside another whose runs have it."""
    having = {name: frame[metric].notna().any() for name, frame in runs.groupby("notebook")}
    without = [str(name) for name, has in having.items() if not has]
    if without and any(having.values()):
        raise ValueError(
            f"no run of {_list(without)} has a {metric}: leave out the folders of those runs, or "
            "choose a metric that all notebooks record"
        )
    if runs[SEED].isna().any():
        seedless = _list(sorted(set(runs["notebook"][runs[SEED].isna()])))
        raise ValueError(f"the runs of {seedless} have no parameter {SEED!r}: leave them out")


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
