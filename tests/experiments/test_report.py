"""The report: whole, the same each time, and with no address to load from."""

import re
from pathlib import Path

import pytest

from labkit.experiments.compare.comparison import compare_runs
from labkit.experiments.compare.loading import read_runs, runs_frame
from labkit.experiments.compare.report import report_html
from tests.experiments.run_folders import sweep


def report(folder: Path) -> str:
    runs = read_runs(folder)
    return report_html(runs, compare_runs(runs_frame(runs)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return sweep(tmp_path, {("<a>",): [1.0, 2.0], ("b",): [0.5, 1.6]}, "name")


def test_what_it_says(folder: Path) -> None:
    page = report(folder)
    assert "4 runs, compared by name." in page
    assert "<td>&lt;a&gt;</td><td>2</td><td>1.5</td><td>6.35</td>" in page
    assert "<td>name=&lt;a&gt;</td><td>− name=b</td><td>2</td><td>+0.45</td>" in page
    assert "<td>python 3</td><td>4</td>" in page
    assert "<a>" not in re.sub(r"<script>.*?</script>", "", page, count=1, flags=re.DOTALL)


def test_each_run_has_its_place_in_the_figures(folder: Path) -> None:
    page = report(folder)
    for name in ("comparison", "curves", "parallel", "importance", "against"):
        assert page.count(f'id="maml-lab-{name}"') == 1
    assert "name=<a>" not in page
    assert page.count("plotly.js v") == 1


def test_the_same_each_time_and_no_network(folder: Path) -> None:
    page = report(folder)
    assert page == report(folder)
    assert not re.search(r'<(script|link|img)[^>]*\b(src|href)="', page)


def test_more_groups_than_can_be_drawn(tmp_path: Path) -> None:
    page = report(sweep(tmp_path, {(i,): [1.0 + i] for i in range(13)}, "order"))
    assert "No figure: it can show at most 12 groups" in page
    assert "an interval: 78 of the pairs" in page
