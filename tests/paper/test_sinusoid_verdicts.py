"""The runs compared with the paper: means, intervals and verdicts worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from labkit.figures.paper import MethodCurve, paper_figure
from labkit.paper.sinusoid_verdicts import PaperRow, paper_table, paper_view
from labkit.paper.verdicts import one_more
from scripts.keep_sweep import keep
from tests.experiments.run_folders import done_run
from tests.paper.sinusoid_runs import paper_run


def row(by_seed: tuple[float, ...], paper: float | None = 0.67) -> PaperRow:
    return PaperRow("maml", 5, "halved", 1, paper, by_seed, 0.06, 0.5, 0.0)


def test_where_one_more_run_would_lie() -> None:
    # mean 2, s = 1, n = 3, t = 4.303: 2 ± 4.303 √(1 + 1/3) = 2 ± 4.968
    low, high = one_more((1.0, 2.0, 3.0), 0.06)
    assert (low, high) == pytest.approx((-2.968, 6.968), abs=1e-3)
    # seeds that agree: 0.06 √(1 + 1/2) of the tasks remains
    low, high = one_more((0.7, 0.7), 0.06)
    assert (low, high) == pytest.approx((0.7 - 0.0735, 0.7 + 0.0735), abs=1e-4)


@pytest.mark.parametrize(
    ("by_seed", "paper", "verdict"),
    [
        ((0.64, 0.66, 0.70), 0.67, "reproduced"),
        ((0.40, 0.41, 0.42), 0.67, "better"),
        ((0.90, 0.91, 0.92), 0.67, "not reproduced"),
        # ± 0.0735 of the tasks: the published number may be anything from 0.495 to 0.505
        ((0.578, 0.578), 0.50, "reproduced"),
        ((0.579, 0.579), 0.50, "not reproduced"),
        ((0.422, 0.422), 0.50, "reproduced"),
        ((0.421, 0.421), 0.50, "better"),
        # the range holds 0.67: ± 0.67, and a little more
        ((0.67 - 0.1348, 0.67, 0.67 + 0.1348), 0.67, "reproduced"),
        ((0.67 - 0.1352, 0.67, 0.67 + 0.1352), 0.67, "undecided"),
        # tasks that diverge
        ((0.7, 3e8, 1e9), 0.67, "not reproduced"),
        ((0.66, 0.67, 6.71), 0.67, "not reproduced"),
        ((0.7, float("nan"), 0.6), 0.67, "not reproduced"),
        ((0.67,), 0.67, "too few seeds"),
        ((0.64, 0.66, 0.70), None, ""),
    ],
)
def test_verdicts(by_seed: tuple[float, ...], paper: float | None, verdict: str) -> None:
    assert row(by_seed, paper).verdict == verdict


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    folder = tmp_path / "s"
    for seed, loss in enumerate((0.35, 0.38, 0.41)):
        paper_run(folder, {"constant": 5e7 * seed, "halved": loss}, method="maml", seed=seed)
        paper_run(folder, {"tuned": loss}, method="pretrained", seed=seed)
    paper_run(folder, {"none": 0.01}, method="oracle", seed=1)
    return folder


def test_rows_of_the_runs(sweep: Path) -> None:
    result = paper_table(sweep)
    assert result.seeds == {"maml": (0, 1, 2), "pretrained": (0, 1, 2), "oracle": (1,)}
    assert len(result.rows) == (2 + 1 + 1) * 3 * 3
    assert [(r.method, r.step_sizes, r.inner_steps, r.paper) for r in result.published] == [
        *(("maml", s, k, p) for s in ("constant", "halved") for k, p in MAML.items()),
        *(("pretrained", "tuned", k, p) for k, p in {1: 2.41, 5: 2.23, 10: 2.19}.items()),
    ]
    five = result.row("maml", 5, 5, "halved")
    assert five.by_seed == (0.35, 0.38, 0.41)
    assert (five.tasks_ci95, five.median) == pytest.approx((0.06, 0.19))
    assert five.verdict == "reproduced"
    assert result.row("maml", 5, 5, "constant").verdict == "not reproduced"
    # two of the three have stray tasks, 2 % each
    assert result.row("maml", 5, 5, "constant").diverged == pytest.approx(0.04 / 3)
    assert result.row("pretrained", 5, 1, "tuned").verdict == "better"
    assert result.row("oracle", 20, 1, "none").paper is None
    assert result.departures == ()
    with pytest.raises(ValueError, match="no run has measured maml with 7 shots"):
        result.row("maml", 7, 1, "halved")


MAML = {1: 0.67, 5: 0.38, 10: 0.35}


def test_words(sweep: Path) -> None:
    result = paper_table(sweep)
    lines = result.table().splitlines()
    assert len(lines) == 1 + len(result.rows)
    assert lines[5].split() == [
        *("maml", "5", "halved", "5", "0.38", "0.0745", "0.06", "0.19", "0.0%", "0.38"),
        "reproduced",
    ]
    claims = result.claims().splitlines()
    assert len(claims) == 9
    assert "after 1 step: not reproduced, 5e+07 ± 1.24e+08 for 0.67; 1.3% of the" in claims[0]
    assert claims[4].endswith("after 5 steps: reproduced, 0.38 ± 0.0745 for 0.38")


def test_settings_that_are_not_the_papers_are_said(tmp_path: Path) -> None:
    for seed in range(2):
        paper_run(tmp_path, {"none": 0.1}, method="oracle", seed=seed, meta_steps=20)
    result = paper_table(tmp_path)
    assert result.departures == ("meta_steps = 20, where the paper has 70000",)
    assert result.claims() == "not the paper's: meta_steps = 20, where the paper has 70000"


def test_what_does_not_belong_together_is_refused(sweep: Path, tmp_path: Path) -> None:
    other = paper_run(sweep, {"none": 0.1}, method="oracle", seed=1, meta_steps=20)
    with pytest.raises(ValueError, match=r"differ in meta_steps \(20, 70000\)"):
        paper_table(sweep)
    twice = paper_run(tmp_path / "two", {"none": 0.1}, method="oracle", seed=1).path
    twice.joinpath("status.json").write_text(
        twice.joinpath("status.json").read_text().replace("oracle-1-70000", "another")
    )
    with pytest.raises(ValueError, match="oracle has more than one run with seed 1"):
        paper_table([sweep / "runs" / "oracle-1-70000", twice])
    done_run(tmp_path / "three", 1.0, alpha=0.1, seed=0)
    with pytest.raises(ValueError, match="has no curve 'table'"):
        paper_table([other.path, tmp_path / "three"])


def test_the_figure_has_a_panel_for_each_number_of_shots(sweep: Path) -> None:
    figure = paper_view(sweep)
    crosses = {t.name: t for t in figure.data if t.mode == "markers"}
    assert {name: dict(zip(t.x, t.y, strict=True)) for name, t in crosses.items()} == {
        "maml, published": MAML,
        "pretrained, published": {1: 2.41, 5: 2.23, 10: 2.19},
    }
    assert {t.xaxis for t in crosses.values()} == {"x"}
    lines = [t for t in figure.data if t.mode == "lines" and t.fill is None]
    assert len(lines) == 3 * 3
    assert {(t.name, t.xaxis) for t in lines} >= {("maml", "x"), ("oracle", "x3")}
    assert [t.showlegend for t in lines].count(True) == 3
    maml = next(t for t in lines if t.name == "maml")
    assert maml.y.tolist() == pytest.approx([0.38] * 11)  # the halved one, not the constant one
    low, high = figure.layout.yaxis.range
    assert low < -2
    assert 2.41 < 10**high < 5


def test_a_mean_that_is_carried_off_leaves_the_figure_at_the_top() -> None:
    steps, none = np.array([4.0, 0.4, 2e44]), np.full(3, np.nan)
    curves = [
        MethodCurve("maml", "maml", 5, steps, none, {1: 0.67}),
        MethodCurve("pretrained", "pretrained", 5, np.array([5.0, 2.2, np.nan]), none, {}),
    ]
    figure = paper_figure(curves)
    low, high = figure.layout.yaxis.range
    assert 0.1 < 10**low < 0.4
    assert 5 < 10**high < 20
    maml = next(t for t in figure.data if t.name == "maml" and t.fill is None)
    assert maml.y[:2].tolist() == [4.0, 0.4]
    assert 10**high < maml.y[2] < 1e4


def test_what_is_kept_of_a_sweep_reads_the_same(sweep: Path, tmp_path: Path) -> None:
    begun = sweep / "runs" / "oracle-1-70000" / "status.json"
    begun.write_text(begun.read_text().replace('"done"', '"failed"'))
    assert keep(sweep, tmp_path / "kept") == 6
    assert keep(sweep, tmp_path / "kept") == 0
    assert not list((tmp_path / "kept").rglob("*.ipynb"))
    assert paper_table(tmp_path / "kept") == paper_table(sweep)
