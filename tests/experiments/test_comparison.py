"""Comparisons: worked by hand, against an independent integral, and what is refused."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labkit import ParameterError, compare_runs, load_runs
from labkit._student_t import t_quantile
from labkit.experiments.compare.comparison import label
from labkit.experiments.compare.student_t import mean_interval
from tests.experiments.run_folders import done_run, sweep


def test_t_against_closed_forms() -> None:
    for level in (0.5, 0.9, 0.95, 0.999):
        assert t_quantile(1, level) == pytest.approx(math.tan(math.pi * level / 2), rel=1e-12)
        two = level * math.sqrt(2 / (1 - level**2))
        assert t_quantile(2, level) == pytest.approx(two, rel=1e-12)


@pytest.mark.parametrize("freedom", [3, 4, 7, 30, 101])
def test_t_against_the_integral_of_its_density(freedom: int) -> None:
    x = np.linspace(0, t_quantile(freedom), 20001)
    logs = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    density = (1 + x**2 / freedom) ** (-(freedom + 1) / 2) * math.exp(logs)
    within = 2 * np.trapezoid(density, x) / math.sqrt(freedom * math.pi)
    assert within == pytest.approx(0.95, abs=1e-8)


def test_t_of_many_is_the_normal() -> None:
    assert t_quantile(100_000) == pytest.approx(1.95996398454, abs=5e-5)


def test_few_and_infinite_values() -> None:
    assert mean_interval([5.0]).mean == 5.0
    assert math.isnan(mean_interval([5.0]).ci95)
    assert math.isnan(mean_interval([5.0, math.inf]).mean)
    assert mean_interval([2.0, 2.0]).ci95 == 0.0


def compared(folder: Path, **options: Any) -> Any:
    return compare_runs(load_runs(folder), **options)


def test_differences_are_paired(tmp_path: Path) -> None:
    values = {(1,): [1.0, 5.0, 9.0], (2,): [0.0, 4.5, 7.5]}
    result = compared(sweep(tmp_path, values, "order"))
    assert result.by == ("order",)
    one, _ = result.groups
    # s = 4, t(2) = 4.30265, √3: the groups overlap widely
    assert (one.label, one.mean.mean) == ("order=1", 5.0)
    assert one.mean.ci95 == pytest.approx(4.30265273 * 4 / math.sqrt(3))
    # differences 1, 0.5, 1.5: mean 1, s = 0.5; the pairs do not
    (pair,) = result.pairs
    assert pair.difference.mean == 1.0
    assert pair.difference.ci95 == pytest.approx(4.30265273 * 0.5 / math.sqrt(3))
    assert pair.verdict == "undecided"
    assert result.pairs_frame()["low"].tolist() == pytest.approx([1 - 1.24206], abs=1e-4)


@pytest.mark.parametrize(
    ("second", "verdict"),
    [([0.0, 4.1, 8.0], "higher"), ([2.0, 6.1, 10.0], "lower"), ([2.0, 5.5, 10.5], "undecided")],
)
def test_verdict(tmp_path: Path, second: list[float], verdict: str) -> None:
    result = compared(sweep(tmp_path, {(1,): [1.0, 5.0, 9.0], (2,): second}, "order"))
    assert result.pairs[0].verdict == verdict
    assert f"  {verdict}" in result.table()


@pytest.mark.parametrize(
    ("second", "warned"),
    [([0.0, 4.1], True), ([2.0, 5.5], False), ([0.0, 4.1, 8.0], False)],
    ids=["decided by two", "undecided", "decided by three"],
)
def test_a_verdict_of_two_seeds_comes_with_a_warning(
    tmp_path: Path, second: list[float], warned: bool
) -> None:
    first = [1.0, 5.0, 9.0][: len(second)]
    result = compared(sweep(tmp_path, {(1,): first, (2,): second}, "order"))
    assert any("two common seeds: 1 of the pairs" in line for line in result.warnings()) is warned


def test_only_common_seeds_are_paired(tmp_path: Path) -> None:
    folder = sweep(tmp_path, {(1,): [1.0, 5.0, 9.0], (2,): [0.0, 4.5]}, "order")
    done_run(folder / "other", 7.0, order=3, seed=9, events=[])
    result = compared(folder)
    (pair,) = result.pairs
    assert pair.seeds == (0, 1)
    assert result.groups[0].mean.count == 3
    assert result.apart == (("order=1", "order=3"), ("order=2", "order=3"))
    assert "no common seed, so not compared: 2 of the pairs, such as order=1 and" in (
        result.table()
    )


def test_close_pairs_differ_in_one_parameter(tmp_path: Path) -> None:
    values = {(a, o): [a + o, 2 * a + o] for a in (0.1, 0.2) for o in (1, 2)}
    result = compared(sweep(tmp_path, values, "alpha", "order"))
    assert [group.label for group in result.groups][:2] == [
        "alpha=0.1, order=1",
        "alpha=0.1, order=2",
    ]
    assert len(result.pairs) == 6
    assert [pair.differing[0] for pair in result.close_pairs] == [
        "order",
        "alpha",
        "alpha",
        "order",
    ]
    assert "2 more pairs differ in more than one parameter" in result.table()


def test_a_loss_that_is_not_finite_is_said(tmp_path: Path) -> None:
    result = compared(sweep(tmp_path, {(1,): [1.0, math.inf], (2,): [1.0, 2.0]}, "order"))
    assert math.isnan(result.groups[0].mean.mean)
    assert "not finite for some seed, so without a mean: order=1" in result.table()
    assert result.pairs[0].verdict == "undecided"


def test_equal_parameters_are_one_group(tmp_path: Path) -> None:
    result = compared(sweep(tmp_path, {(1,): [1.0, 2.0]}, "order"))
    assert [g.label for g in result.groups] == ["all runs"]
    assert result.pairs == ()
    assert "all runs" in result.table()


def test_unknown_names(tmp_path: Path) -> None:
    folder = sweep(tmp_path, {(1,): [1.0], (2,): [2.0]}, "order")
    with pytest.raises(ParameterError, match=r"no metric 'query_loss_aftr'; did you mean 'query_"):
        compared(folder, metric="query_loss_aftr")
    with pytest.raises(ParameterError, match=r"There are: query_loss_after, query_loss_before$"):
        compared(folder, metric="seconds")
    with pytest.raises(ParameterError, match=r"no parameter 'ordr'; did you mean 'order'"):
        compared(folder, by=["ordr"])
    with pytest.raises(ParameterError, match="the comparison averages over seeds"):
        compared(folder, by=["seed"])


def test_notebooks_without_the_metric_are_refused_beside_others(tmp_path: Path) -> None:
    folder = sweep(tmp_path, {(1,): [1.0, 2.0]}, "order")

    def other(**parameters: int) -> Path:
        path = done_run(folder / "other", math.nan, **parameters).path
        status = json.loads((path / "status.json").read_text())
        (path / "status.json").write_text(json.dumps({**status, "notebook": "yours"}))
        return path

    only = other(order=1, seed=0)
    with pytest.raises(ValueError, match="no run of yours has a query_loss_after: leave out"):
        compared(folder)
    assert compared(only).groups[0].mean.count == 1
    other(order=1)
    with pytest.raises(ValueError, match="the runs of yours have no parameter 'seed'"):
        compared(folder, metric="query_loss_before")


def test_labels_leave_out_what_a_notebook_does_not_have() -> None:
    assert label({"notebook": "01_sinusoid", "ways": math.nan}) == "notebook=01_sinusoid"


def test_a_long_list_of_names_is_cut(tmp_path: Path) -> None:
    runs = load_runs(sweep(tmp_path, {(1,): [1.0]}, "order"))
    runs.attrs["metrics"] = [f"loss_{n}" for n in range(100)]
    with pytest.raises(ParameterError, match=r"loss_18, loss_19 and 80 more$"):
        compare_runs(runs)


def test_versions_of_a_notebook_are_not_mixed_unless_asked_for(tmp_path: Path) -> None:
    folder = sweep(tmp_path, {(1,): [1.0, 5.0], (2,): [0.0, 4.1]}, "order")
    for name, version in (("1-0", "aaaa"), ("1-1", "bbbb"), ("2-0", "aaaa")):
        path = folder / "runs" / name / "status.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "version": version}))
    with pytest.raises(ValueError, match=r"mine stem from 2 versions .* aaaa \(2 runs\), bbbb \(1"):
        compared(folder)
    assert compared(folder, mix_versions=True).pairs[0].seeds == (0, 1)
    frame = load_runs(folder)
    assert len(compare_runs(frame[frame["seed"] == 0]).groups) == 2


def test_what_must_not_be_compared(tmp_path: Path) -> None:
    mixed = sweep(tmp_path / "mixed", {(1, 0.1): [1.0], (1, 0.2): [2.0]}, "order", "alpha")
    with pytest.raises(ValueError, match=r"alpha = 0.1, 0.2, which must not .* by order,alpha"):
        compared(mixed, by=["order"])
    for name, order, seed in (("a", 1, 0), ("b", 2, 1)):
        done_run(tmp_path / "apart" / name, 1.0, order=order, seed=seed)
    with pytest.raises(ValueError, match=r"order=1 has seeds 0; order=2 has seeds 1"):
        compared(tmp_path / "apart")
    for name in ("a", "b"):
        done_run(tmp_path / "twice" / name, 1.0, seed=4)
    with pytest.raises(ValueError, match="more than one run with seed 4"):
        compared(tmp_path / "twice")
    done_run(tmp_path / "unseeded" / "a", 1.0, alpha=1.0)
    with pytest.raises(ValueError, match="no parameter 'seed'"):
        compared(tmp_path / "unseeded")
    with pytest.raises(ValueError, match=r"table from labkit.load_runs"):
        compare_runs(load_runs(tmp_path / "apart")[[]].copy().__class__())
