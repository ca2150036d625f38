"""Runs that differ in nothing but the seed, and two such groups seed by seed."""

from dataclasses import dataclass
from typing import Any

from labkit.experiments.compare.student_t import Mean, mean_interval


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


def label(values: dict[str, Any]) -> str:
    """Parameters in a few letters; without nan, which a notebook has that lacks one.

    Example:
        >>> label({"alpha": 0.01, "order": 2, "algorithm": "maml", "ways": float("nan")}), label({})
        ('alpha=0.01, order=2, algorithm=maml', 'all runs')
    """
    had = [_one(values, name) for name, value in values.items() if value == value]  # noqa: PLR0124
    return ", ".join(had) or "all runs"


def _one(values: dict[str, Any], name: str) -> str:
    value = values[name]
    return f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
