"""Runs compared: means over seeds with intervals, and differences on the same seeds."""

import difflib
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.experiments.compare.student_t import Mean, mean_interval
from labkit.experiments.tables import number_text, text_table, value_text
from labkit.session import ParameterError

if TYPE_CHECKING:
    from pandas import DataFrame

METRIC, SEED = "query_loss_after", "seed"

MOST_NAMES = 20
"""Of an error message."""


@dataclass(frozen=True, slots=True)
class Group:
    """Runs whose parameters are equal except for the seed.

    Attributes:
        values: Parameter → value, for those that differ between groups.
        metric: Seed → value of the metric, in the order of the seeds.
        runs: Their ids.
        diverged: How many more runs there are whose training diverged; no mean has them.
    """

    values: dict[str, Any]
    metric: dict[int, float]
    runs: frozenset[str]
    diverged: int = 0

    @property
    def label(self) -> str:
        """Such as "alpha=0.01, order=2"."""
        return label(self.values)

    @property
    def mean(self) -> Mean:
        """Over the seeds."""
        return mean_interval(list(self.metric.values()))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two groups, compared on their common seeds.

    Attributes:
        left: The minuend.
        right: The subtrahend.
        seeds: The common ones, at least one.
    """

    left: Group
    right: Group
    seeds: tuple[int, ...]

    @property
    def difference(self) -> Mean:
        """Mean of left − right on the same seeds, with the interval of these differences."""
        return mean_interval([self.left.metric[s] - self.right.metric[s] for s in self.seeds])

    @property
    def differing(self) -> tuple[str, ...]:
        """Names of the parameters that differ."""
        left, right = self.left.values, self.right.values
        return tuple(name for name in left if str(left[name]) != str(right[name]))  # nan is nan

    @property
    def verdict(self) -> str:
        """Whether left is "lower" or "higher" than right, or the difference "undecided"."""
        difference = self.difference
        if difference.high < 0:
            return "lower"
        return "higher" if difference.low > 0 else "undecided"

    @property
    def claim(self) -> str:
        """The verdict in a sentence, with its interval.

        Example:
            >>> one = Group({"order": 1}, {0: 1.0, 1: 5.0}, frozenset())
            >>> two = Group({"order": 2}, {0: 0.0, 1: 4.1}, frozenset())
            >>> Pair(one, two, (0, 1)).claim
            'order=1 is higher than order=2 by 0.95 [0.315, 1.59], 2 seeds'
        """
        difference = self.difference
        left, right, seeds = self.left.label, self.right.label, f"{difference.count} seeds"
        if self.verdict == "undecided":
            interval = _interval(difference.low, difference.high)
            return f"{left} against {right}: undecided, the difference is in {interval}, {seeds}"
        low, high = sorted((abs(difference.low), abs(difference.high)))
        by = f"by {number_text(abs(difference.mean), '.3g')} {_interval(low, high)}"
        return f"{left} is {self.verdict} than {right} {by}, {seeds}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A metric of groups of runs with several seeds, and the differences between groups.

    Attributes:
        metric: Its name.
        by: Parameters that distinguish the groups.
        groups: In the order of the parameters' values.
        pairs: All pairs of groups with common seeds.
        apart: Labels of the pairs without common seeds, which are not compared.
    """

    metric: str
    by: tuple[str, ...]
    groups: tuple[Group, ...]
    pairs: tuple[Pair, ...]
    apart: tuple[tuple[str, str], ...]

    @property
    def close_pairs(self) -> tuple[Pair, ...]:
        """The pairs that differ in one parameter only."""
        return tuple(pair for pair in self.pairs if len(pair.differing) == 1)

    @property
    def diverged_head(self) -> tuple[str, ...]:
        """The head of `diverged_column`, or nothing."""
        return ("diverged",) if any(group.diverged for group in self.groups) else ()

    @property
    def diverged_column(self) -> list[tuple[str, ...]]:
        """For each group how many of its runs diverged; nothing if none has."""
        return [(str(group.diverged),) if self.diverged_head else () for group in self.groups]

    def table(self, width: int | None = None) -> str:
        """Groups and differences with their intervals, as text with four digits.

        For pairs that differ in more than one parameter, see `pairs_frame`.

        Args:
            width: Most characters of a line, if long names are to be wrapped.
        """
        heads = (self.metric, "seeds", "mean", "± 95 %")
        counts = self.diverged_column
        groups = [
            (g.label, str(g.mean.count), g.mean.mean_text, g.mean.ci95_text, *count)
            for g, count in zip(self.groups, counts, strict=True)
        ]
        lines = [text_table((*heads, *self.diverged_head), groups, {self.metric}, width)]
        if self.close_pairs:
            name = "difference on the same seeds"
            pairs = [
                (
                    f"{pair.left.label} − {pair.right.label}",
                    str(pair.difference.count),
                    number_text(pair.difference.mean, "+.4g"),
                    pair.difference.ci95_text,
                    pair.verdict,
                )
                for pair in self.close_pairs
            ]
            lines += ["", text_table((name, *heads[1:], ""), pairs, {name, ""}, width)]
        further = len(self.pairs) - len(self.close_pairs)
        if further:
            pairs_differ = "more pair differs" if further == 1 else "more pairs differ"
            lines.append(f"{further} {pairs_differ} in more than one parameter")
        return "\n".join([*lines, *self.warnings()])

    def claims(self) -> str:
        """A sentence for each pair that differs in one parameter, with its interval."""
        return "\n".join(pair.claim for pair in self.close_pairs) or "There is nothing to compare."

    def warnings(self) -> list[str]:
        """Limits of the comparison, one per line."""
        few = sum(len(pair.seeds) == 1 for pair in self.pairs)
        two = sum(len(pair.seeds) == 2 and pair.verdict != "undecided" for pair in self.pairs)
        odd = [g.label for g in self.groups if g.metric and not math.isfinite(g.mean.mean)]
        diverged = sum(group.diverged for group in self.groups)
        counted = [
            (diverged, f"training diverged, so in no mean and no difference: {diverged} runs"),
            (len(odd), f"not finite for some seed, so without a mean: {'; '.join(odd)}"),
            (few, f"one common seed, so a difference without an interval: {few} of the pairs"),
            (
                two,
                f"decided by two common seeds: {two} of the pairs; the interval takes differences "
                "for normally distributed, which two cannot show: confirm it with more seeds",
            ),
            (
                len(self.apart),
                f"no common seed, so not compared: {len(self.apart)} of the pairs, such as "
                + " and ".join(next(iter(self.apart), ())),
            ),
        ]
        return [message for count, message in counted if count]

    def groups_frame(self) -> "DataFrame":
        """One row per group: parameters, `seeds`, `mean`, `ci95`, `low`, `high`, `diverged`."""
        return _frame(
            [
                {**g.values, "seeds": g.mean.count, **_numbers(g.mean), "diverged": g.diverged}
                for g in self.groups
            ]
        )

    def pairs_frame(self) -> "DataFrame":
        """One row per pair: `left`, `right`, `seeds`, `mean` of left − right, `ci95`, `verdict`."""
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
    runs: "DataFrame",
    metric: str = METRIC,
    by: Sequence[str] | None = None,
    *,
    mix_versions: bool = False,
) -> Comparison:
    """Compare groups of runs that differ in more than the seed.

    A group's interval is t · s / √n over its n seeds. Differences are taken seed by seed, which
    removes what runs with the same seed share: the initial θ and the tasks. Runs that diverged are
    counted in their group, and are in no mean.

    Args:
        runs: From `load_runs`, or some of its rows.
        metric: A column with numbers.
        by: Parameters that distinguish the groups; by default all that differ except the seed.
        mix_versions: Compare runs of several versions of a notebook, too.

    Raises:
        ParameterError: There is no such metric or parameter.
        ValueError: Runs stem from several versions of a notebook. Or runs of a group differ in more
            than the seed, or no two groups have a common seed.

    Example:
        >>> import labkit
        >>> comparison = compare_runs(labkit.load_runs("notebooks/data/example_sweep"))
        >>> comparison.by, len(comparison.groups), len(comparison.pairs)
        (('alpha', 'order'), 6, 15)
    """
    if "parameters" not in runs.attrs:
        raise ValueError("runs must be a table from labkit.load_runs, got another frame")
    parameters: list[str] = [n for n in ("notebook", *runs.attrs["parameters"]) if n != SEED]
    _check_name("metric", metric, runs.attrs["metrics"])
    if SEED not in runs.attrs["parameters"]:
        raise ValueError(
            f"the runs have no parameter {SEED!r}: without several seeds there is no interval"
        )
    _check_all_have(runs, metric)
    if not mix_versions:
        _check_versions(runs)
    for name in by or ():
        _check_name("parameter", name, parameters)
    differing = [name for name in parameters if _differs(runs, name)]
    chosen = tuple(dict.fromkeys(differing if by is None else by))
    diverged = _diverged(runs, chosen)
    groups = [
        _group(frame, chosen, metric, differing, diverged) for frame in _split(runs, list(chosen))
    ]
    groups += [Group(values, {}, frozenset(), count) for values, count in diverged.values()]
    pairs, apart = [], []
    for left, right in itertools.combinations(groups, 2):
        common = tuple(seed for seed in left.metric if seed in right.metric)
        if common:
            pairs.append(Pair(left, right, common))
        elif left.metric and right.metric:
            apart.append((left.label, right.label))
    if apart and not pairs:
        raise ValueError(
            "no two groups have a common seed, so their differences cannot be separated from those "
            "between seeds: "
            + "; ".join(f"{g.label} has seeds {_list(g.metric)}" for g in groups)
            + ". Run them with the same seeds"
        )
    return Comparison(metric, chosen, tuple(groups), tuple(pairs), tuple(apart))


def _diverged(runs: "DataFrame", names: Sequence[str]) -> dict[str, tuple[dict[str, Any], int]]:
    """Label → values and number of the runs that diverged; some rows of a table have none.

    Nothing says which of the runs that diverged belong to the chosen rows.
    """
    counts: dict[str, tuple[dict[str, Any], int]] = {}
    if len(runs) != runs.attrs["rows"]:
        return counts
    for row in runs.attrs["diverged"]:
        values = {name: row.get(name, math.nan) for name in names}
        _, count = counts.get(label(values), (values, 0))
        counts[label(values)] = values, count + 1
    return counts


def _check_name(kind: str, name: str, names: Sequence[str]) -> None:
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        seed = " (the comparison averages over seeds)" if name == SEED else ""
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        raise ParameterError(
            f"there is no {kind} {name!r}{seed}{hint} There are: "
            f"{', '.join(names[:MOST_NAMES])}{more}"
        )


def _check_all_have(runs: "DataFrame", metric: str) -> None:
    """Reject a notebook none of whose runs has the metric, if those of another have it."""
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


def _check_versions(runs: "DataFrame") -> None:
    """Reject runs of several versions of a notebook, which differ in more than parameters."""
    for name, frame in runs.groupby("notebook"):
        versions = Counter(runs.attrs["versions"][run] for run in frame["run"])
        versions.pop(None, None)  # runs of an older labkit do not say
        if len(versions) > 1:
            counts = ", ".join(f"{version} ({count} runs)" for version, count in versions.items())
            raise ValueError(
                f"the runs of {name} stem from {len(versions)} versions of the notebook, {counts}, "
                "and may differ in more than their parameters: --mix-versions compares them "
                "all the same"
            )


def _differs(runs: "DataFrame", name: str) -> bool:
    """Whether a parameter has several values, those of diverged runs included."""
    others = (row.get(name, math.nan) for row in runs.attrs["diverged"])
    return len({str(value) for value in (*runs[name].drop_duplicates(), *others)}) > 1


def _split(runs: "DataFrame", names: list[str]) -> list["DataFrame"]:
    """Rows with equal values, in the order of the values."""
    if not names:
        return [runs]
    return [frame for _, frame in runs.groupby(names, dropna=False, sort=True)]


def _group(
    frame: "DataFrame",
    names: Sequence[str],
    metric: str,
    differing: Sequence[str],
    diverged: dict[str, tuple[dict[str, Any], int]],
) -> Group:
    """A group; what has diverged of it is taken out of `diverged`."""
    values = {name: frame[name].tolist()[0] for name in names}
    for name in differing:
        several = frame[name].drop_duplicates().tolist()
        if len(several) > 1:
            raise ValueError(
                f"{label(values)} has runs with {name} = {_list(several)}, which must not be "
                f"mixed: compare by {','.join((*names, name))}"
            )
    seeds = [int(seed) for seed in frame[SEED]]
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if twice:
        raise ValueError(
            f"{label(values)} has more than one run with seed {_list(twice)}, from different "
            "versions of the notebook or of labkit: give the folder of one version"
        )
    metrics = frame[metric].astype(float).tolist()
    by_seed = dict(sorted(zip(seeds, metrics, strict=True)))
    _, count = diverged.pop(label(values), (values, 0))
    return Group(values, by_seed, frozenset(frame["run"]), count)


def _numbers(mean: Mean) -> dict[str, float]:
    return {"mean": mean.mean, "ci95": mean.ci95, "low": mean.low, "high": mean.high}


def _frame(rows: list[dict[str, Any]]) -> "DataFrame":
    import pandas as pd  # noqa: PLC0415  # slow to import, and most commands need none

    return pd.DataFrame(rows)


def _list(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))


def label(values: dict[str, Any]) -> str:
    """Parameters as a short text, without nan, the value of a notebook that lacks one.

    Example:
        >>> label({"alpha": 0.01, "order": 2, "algorithm": "maml", "ways": float("nan")}), label({})
        ('alpha=0.01, order=2, algorithm=maml', 'all runs')
    """
    parts = [_one(values, name) for name, value in values.items() if value == value]  # noqa: PLR0124
    return ", ".join(parts) or "all runs"


def _one(values: dict[str, Any], name: str) -> str:
    value = values[name]
    return f"{name}={value_text(value)}"


def _interval(low: float, high: float) -> str:
    return f"[{number_text(low, '.3g')}, {number_text(high, '.3g')}]"
