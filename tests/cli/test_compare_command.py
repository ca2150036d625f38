"""`labkit compare` as a user types it."""

import errno
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from labkit.cli import compare
from labkit.cli.app import app
from labkit.experiments.runs.notebooks import find_notebook
from tests.experiments.run_folders import sweep


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return sweep(tmp_path / "sweep", {(1,): [1.0, 5.0], (2,): [0.0, 4.1]}, "order")


def test_tables(folder: Path) -> None:
    (folder / "runs" / "1-0" / "result.json").unlink()
    done = CliRunner().invoke(app, ["compare", str(folder)])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "3 runs; left out: 1 broken"
    assert lines[2].split() == ["query_loss_after", "seeds", "mean", "±", "95", "%"]
    assert lines[3].split() == ["order=1", "1", "5", "–"]


def test_metric_and_by(folder: Path) -> None:
    options = ["--metric", "query_loss_before", "--by", "order, events"]
    done = CliRunner().invoke(app, ["compare", str(folder), *options])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[3].split() == ["order=1,", "events=[]", "2", "4", "0"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--metric", "nothing"], "there is no metric 'nothing'"),
        (["--by", "nothing"], "there is no parameter 'nothing'"),
    ],
)
def test_unknown_names(folder: Path, arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(app, ["compare", str(folder), *arguments])
    assert done.exit_code == 2
    assert done.stderr.startswith(f"labkit compare: {words}")
    assert len(done.stderr.splitlines()) == 1


def test_folders_without_runs(tmp_path: Path) -> None:
    for folder, words in ((tmp_path, "no run is done in"), (tmp_path / "none", "there is no fol")):
        done = CliRunner().invoke(app, ["compare", str(folder)])
        assert done.exit_code == 2
        assert done.stderr.startswith(f"labkit compare: {words}")
        assert len(done.stderr.splitlines()) == 1


def test_report_and_executed_notebook(folder: Path, tmp_path: Path) -> None:
    report, notebook = tmp_path / "report.html", tmp_path / "out.ipynb"
    options = ["-o", str(report), "--notebook", str(notebook)]
    done = CliRunner().invoke(app, ["compare", str(folder), *options])
    assert done.exit_code == 0, done.stderr
    assert "<h1>Comparison of query_loss_after</h1>" in report.read_text()
    cells = nbformat.read(notebook, as_version=4).cells
    printed = "".join(o.text for c in cells for o in c.get("outputs", ()) if "text" in o)
    assert "order=1 is higher than order=2 by 0.95 [0.315, 1.59], 2 seeds" in printed


def test_a_notebook_that_fails_is_one_message_and_keeps_its_traceback(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    nbformat.write(source, tmp_path / "broken.ipynb")
    monkeypatch.setattr(compare, "NOTEBOOK", str(tmp_path / "broken.ipynb"))
    out = tmp_path / "out.ipynb"
    done = CliRunner().invoke(app, ["compare", str(folder), "--notebook", str(out)])
    assert done.exit_code == 1
    said = done.stderr[done.stderr.index("labkit compare") :].splitlines()
    assert said[0].endswith("broken.ipynb failed with ZeroDivisionError: division by zero")
    assert said[1:] == [f"The notebook, with the traceback: {out}"]
    assert "Traceback" not in done.stderr
    assert "ZeroDivisionError" in out.read_text()


def test_a_notebook_has_its_own_metric(folder: Path, tmp_path: Path) -> None:
    options = ["--notebook", str(tmp_path / "out.ipynb"), "--by", "order"]
    done = CliRunner().invoke(app, ["compare", str(folder), *options])
    assert done.exit_code == 2
    assert "--notebook takes one folder" in done.stderr


def test_a_report_that_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    for option, name in (("-o", "r.html"), ("--notebook", "r.ipynb")):
        where = tmp_path / "no" / name
        done = CliRunner().invoke(app, ["compare", str(folder), option, str(where)])
        assert done.exit_code == 1
        lines = [line for line in done.stderr.splitlines() if not line.startswith("labkit: ")]
        assert len(lines) == 1  # but for what a slow machine waits for
        assert lines[0].startswith(f"labkit compare: {where} cannot be written: ")


def test_the_notebook_is_not_replaced_by_an_executed_one(folder: Path) -> None:
    source = find_notebook(compare.NOTEBOOK)
    before = source.read_bytes()
    done = CliRunner().invoke(app, ["compare", str(folder), "--notebook", str(source)])
    assert source.read_bytes() == before
    assert done.exit_code == 2
    assert "is the notebook itself: choose another file" in done.stderr


def test_a_report_that_cannot_be_finished_leaves_the_one_before(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "r.html"
    report.write_text("before")
    write = Path.write_text

    def full(path: Path, text: str, encoding: str) -> int:
        write(path, text[:9], encoding=encoding)
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_text", full)
    done = CliRunner().invoke(app, ["compare", str(folder), "-o", str(report)])
    assert done.exit_code == 1
    words = f"labkit compare: {report} cannot be written: No space left on device: make room there"
    assert done.stderr.splitlines()[-1] == words
    assert report.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["r.html"]
