"""Runs that differ in nothing but the seed, and two such groups seed by seed."""

from dataclasses import dataclass
from typing import Any

from labkit.experiments.student_t import Mean, mean_interval


@dataclass(frozen=True, slots=True)
class Group:
    """Runs whose parameters are equal, all but the seed.

    Attributes:
        values: Parameter → value, of those that differ between groups.
        metric: Seed → value of the metric, in the order of the seeds.
        runs: Their ids.
    """

    values: dict[str, Any]
    metric: dict[int, float]
    runs: frozenset[str]

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
    """Two groups on the seeds that both have.

    Attributes:
        left: Is subtracted from.
        right: Is subtracted.
        seeds: Those that both have, at least one.
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
        """What the difference says, as a word: "lower", "higher" or "undecided"."""
        found = self.difference
        if found.high < 0:
            return "lower"
        return "higher" if found.low > 0 else "undecided"

    @property
    def claim(self) -> str:
        """The verdict in a sentence, with its interval.

        Example:
            >>> one = Group({"order": 1}, {0: 1.0, 1: 5.0}, frozenset())
            >>> two = Group({"order": 2}, {0: 0.0, 1: 4.1}, frozenset())
            >>> Pair(one, two, (0, 1)).claim
            'order=1 is higher than order=2 by 0.95 [0.315, 1.59], 2 seeds'
        """
        found = self.difference
        left, right, seeds = self.left.label, self.right.label, f"{found.count} seeds"
        if self.verdict == "undecided":
            interval = f"[{found.low:.3g}, {found.high:.3g}]"
            return f"{left} against {right}: undecided, the difference is in {interval}, {seeds}"
        low, high = sorted((abs(found.low), abs(found.high)))
        by = f"by {abs(found.mean):.3g} [{low:.3g}, {high:.3g}]"
        return f"{left} is {self.verdict} than {right} {by}, {seeds}"


def label(self) -> str:
        """Such as "alpha=0.01, order=2"."""
        return label(self.values)

    @property
    def mean(self) -> Mean:
        """Over the seeds."""
        return mean_interval(list(self.metric.values()))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two groups on the seeds that both have.

    Attributes:
        left: Is subtracted from.
        right: Is subtracted.
        seeds: Those that both have, at least one.
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
        """What the difference says, as a word: "lower", "higher" or "undecided"."""
        found = self.difference
        if found.high < 0:
            return "lower"
        return "higher" if found.low > 0 else "undecided"

    @property
    def claim(self) -> str:
        """The verdict in a sentence, with its interval.

        Example:
            >>> one = Group({"order": 1}, {0: 1.0, 1: 5.0})
            >>> two = Group({"order": 2}, {0: 0.0, 1: 4.1})
            >>> Pair(one, two, (0, 1)).claim
            'order=1 is higher than order=2 by 0.95 [0.315, 1.59], 2 seeds'
        """
        found = self.difference
        left, right, seeds = self.left.label, self.right.label, f"{found.count} seeds"
        if self.verdict == "undecided":
            interval = f"[{found.low:.3g}, {found.high:.3g}]"
            return f"{left} against {right}: undecided, the difference is in {interval}, {seeds}"
        low, high = sorted((abs(found.low), abs(found.high)))
        by = f"by {abs(found.mean):.3g} [{low:.3g}, {high:.3g}]"
        return f"{left} is {self.verdict} than {right} {by}, {seeds}"


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
        width = max(len(group.label) for group in self.groups)
        lines = [f"{self.metric:<{width}}  seeds       mean     ± 95 %"]
        for group in self.groups:
            mean = group.mean
            lines.append(
                f"{group.label:<{width}}  {mean.count:5d} {mean.mean:10.4g} {mean.ci95:10.3g}"
            )
        if self.close_pairs:
            named = [(f"{p.left.label} − {p.right.label}", p) for p in self.close_pairs]
            width = max(len(name) for name, _ in named)
            lines += ["", f"{'difference on the same seeds':<{width}}  seeds       mean     ± 95 %"]
            for name, pair in named:
                mean = pair.difference
                lines.append(
                    f"{name:<{width}}  {mean.count:5d} {mean.mean:+10.4g} {mean.ci95:10.3g}"
                    f"  {pair.verdict}"
                )
        return "\n".join([*lines, *self.remarks()])

    def claims(self) -> str:
        """A sentence for each pair that differs in one parameter, with its interval."""
        return "\n".join(pair.claim for pair in self.close_pairs) or "There is nothing to compare."

    def remarks(self) -> list[str]:
        """What a reader of the table should know: one line each."""
        few = sum(len(pair.seeds) == 1 for pair in self.pairs)
        odd = [g.label for g in self.groups if not math.isfinite(g.mean.mean)]
        further = len(self.pairs) - len(self.close_pairs)
        counted = [
            (len(odd), f"not finite for some seed, so without a mean: {'; '.join(odd)}"),
            (few, f"{few} pairs have one seed in common: a difference without an interval"),
            (
                len(self.apart),
                f"{len(self.apart)} pairs have no seed in common and are not compared, such as "
                + " and ".join(next(iter(self.apart), ())),
            ),
            (further, f"{further} more pairs differ in more than one parameter"),
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


def label(values: dict[str, Any]) -> str:
    """Parameters in a few letters.

    Example:
        >>> label({"alpha": 0.01, "order": 2, "algorithm": "maml"}), label({})
        ('alpha=0.01, order=2, algorithm=maml', 'all runs')
    """
    return ", ".join(_one(values, name) for name in values) or "all runs"


def _one(values: dict[str, Any], name: str) -> str:
    value = values[name]
    return f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"


