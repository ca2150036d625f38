"""Medians, ratios and tables of times that are made up."""

import json
import subprocess
import sys
from dataclasses import asdict, astuple
from pathlib import Path

import pytest

from benchmarks.peers.worker import Block, Start
from benchmarks.speed_cases import cases
from benchmarks.speed_report import HEAD, Entrant, Spread, result_from_json, results, rows

START = Start(import_seconds=1.0, first_seconds=2.5, megabytes=90.4)


def entrant(peer: str, times: list[float], work: str = "", learners: int = 1) -> Entrant:
    return Entrant(work, peer, learners, START, [Block(t, 2 * t) for t in times])


def test_ratios_are_taken_within_a_round() -> None:
    """The machine is 1, 2 and 10 times slower in the rounds; that cancels, though medians differ.

    Ratios are 4/1, 6/2, 50/10 = 4, 3, 5; the ratio of medians would be 6/2 = 3.
    """
    reference = entrant("JAX jit", [0.001, 0.002, 0.010])
    ours, base = results("g", "case", 1, [entrant("ours", [0.004, 0.006, 0.050]), reference])
    assert astuple(ours.ratio) == pytest.approx((4, 3.5, 4.5))
    assert astuple(ours.milliseconds) == pytest.approx((6, 5, 28))
    assert base.ratio == Spread(1, 1, 1)
    assert ours.cores == pytest.approx(2)


def test_ensembles_count_per_learner_against_the_first_work() -> None:
    """One learner takes 1 ms; 64 together 32 ms, 0.5 ms each."""
    result = results(
        "ensembles",
        "case",
        1,
        [
            entrant("JAX jit", [0.001] * 3, "1 learners"),
            entrant("JAX jit", [0.032] * 3, "64 learners", learners=64),
        ],
    )
    assert result[1].case == "case, 64 learners"
    assert result[1].milliseconds.median == pytest.approx(0.5)
    assert result[1].ratio.median == pytest.approx(0.5)


def test_a_single_round_has_no_spread() -> None:
    (only,) = results("g", "case", 1, [entrant("JAX jit", [0.25])])
    assert only.milliseconds == Spread(250, 250, 250)


def test_without_the_reference_there_are_no_ratios() -> None:
    with pytest.raises(ValueError, match="case: expected JAX jit, which ratios are to, got none"):
        results("g", "case", 1, [entrant("ours", [0.1])])


def test_the_table_has_a_row_for_each_result() -> None:
    result = results("g", "case", 2, [entrant("JAX jit", [0.001]), entrant("ours", [0.1234])])
    assert rows(result).splitlines() == [
        "| case | 2 | JAX jit | 1.00 | 1.00–1.00 | 1.00 | 1.00–1.00 | 2.50 | 90 |",
        "| case | 2 | ours | 123 | 123–123 | 123 | 123–123 | 2.50 | 90 |",
    ]
    assert {line.count("|") for line in (HEAD + rows(result)).splitlines()} == {10}


def test_results_come_back_from_json() -> None:
    result = results("g", "case", 1, [entrant("JAX jit", [0.001, 0.003])])
    assert [result_from_json(json.loads(json.dumps(asdict(r)))) for r in result] == result


def test_cases_cover_what_is_claimed() -> None:
    every = cases()
    names = [(case.group, case.name) for case in every]
    assert len(set(names)) == len(names)
    ensembles = next(case for case in every if case.group == "ensembles")
    sizes = {len(w.alphas): len(set(w.alphas)) for w in ensembles.works.values()}
    assert sizes == {1: 1, 16: 16, 64: 64}
    sinusoid = [w for case in every if case.group == "sinusoid" for w in case.works.values()]
    assert {(w.inner_steps, w.order) for w in sinusoid} == {(1, 1), (1, 2), (5, 1), (5, 2)}


def test_the_figure_has_a_dot_for_each_result(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra bench is not installed")
    from benchmarks import speed_figure  # noqa: PLC0415

    table = results("g", "one work", 1, [entrant("JAX jit", [0.1]), entrant("higher", [0.4])])
    table += results("g", "another", 1, [entrant("JAX jit", [0.2]), entrant("higher", [0.1])])
    (axes,) = speed_figure.figure(table).axes
    dots = {c.get_label(): list(c[0].get_xdata()) for c in axes.containers}
    assert dots == {"JAX jit": [1, 1], "higher": [4, 0.5]}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one work", "another"]
    saved, picture = tmp_path / "speed.json", tmp_path / "speed.svg"
    saved.write_text(json.dumps({"results": [asdict(result) for result in table]}))
    written = []
    for _ in range(2):
        done = [sys.executable, "-m", speed_figure.__name__, str(saved), str(picture)]
        subprocess.run(done, check=True)
        written.append(picture.read_text())
    assert written[0] == written[1]
    assert "another" in written[0]
