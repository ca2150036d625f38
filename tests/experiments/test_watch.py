"""`labkit watch`, `list` and `label`: every run in its state, nobody without the token, no HTML."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from typer.testing import CliRunner

from labkit.cli.app import app
from labkit.experiments.runs.labels import Labels
from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.run_folder import RunFolder, Status
from labkit.experiments.sweeps.sweep_folder import SweepFolder
from labkit.experiments.watch.filters import Filter
from labkit.experiments.watch.reader import RunReader
from labkit.experiments.watch.server import application, page_data
from labkit.session.progress import RunProgress
from tests.experiments.run_folders import done_run, sweep
from tests.experiments.tiny_notebook import tiny_notebook

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sweep with four runs that are done, one that failed, one under way and one damaged."""
    path = sweep(tmp_path / "sweep", {(0.1,): [1.0, 2.0], (0.2,): [0.5, 1.6]}, "alpha")
    failed = RunFolder(path / "runs" / "failed")
    failed.begin(Status.running("failed", "mine"), {"alpha": 9.0, "seed": 0})
    failed.end(Status("failed", "failed", "mine", 0.0, 1.0, f"ValueError: {EVIL}\nmore"))
    begin(path / ".tries" / "later.ab12")
    damaged = done_run(path / "runs" / "damaged", 1.0)
    (damaged.path / "parameters.json").write_text("{")
    return path


def begin(path: Path, run: str = "later") -> RunFolder:
    under_way = RunFolder(path)
    under_way.begin(Status.running(run, "mine"), {"alpha": 0.3, "seed": 0})
    progress = RunProgress("training", 300, 2000, [(100, 4.0, 3.0), (200, 4.0, None)])
    progress.write(under_way.progress_file)
    return under_way


def states(reader: RunReader) -> dict[str, str]:
    return {row.id or Path(row.folder).name: row.state for row in reader.rows()}


def test_runs_in_every_state_are_read_and_followed(folder: Path) -> None:
    reader = RunReader([folder, folder / "runs"])
    done = {"0.1-0": "done", "0.1-1": "done", "0.2-0": "done", "0.2-1": "done"}
    assert states(reader) == done | {"failed": "failed", "later": "running", "damaged": "damaged"}
    rows = {row.id: row for row in reader.rows()}
    assert rows["later"].progress == "training, meta-step 300 of 2,000"
    assert list(rows["later"].curve) == [(100, 3.0), (200, None)]
    assert rows["0.1-0"].metrics["query_loss_after"] == 1.0
    assert rows["failed"].error == f"ValueError: {EVIL}"
    (folder / ".tries" / "later.ab12" / "parameters.json").unlink()  # not written yet
    again = RunFolder(folder / ".tries" / "failed.cd34")
    again.begin(Status.running("failed", "mine"), {})
    assert states(reader) == {**done, "failed": "running", "later": "running", "damaged": "damaged"}
    assert len(reader.rows()) == 7
    os.rename(folder / ".tries" / "later.ab12", folder / "runs" / "later")
    done_run(folder / "runs" / "later", 7.0, alpha=0.3, seed=0)
    assert states(reader)["later"] == "done"
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        RunReader([folder / "none"])


def test_a_run_whose_process_has_gone_is_interrupted(folder: Path) -> None:
    path = folder / ".tries" / "later.ab12" / "status.json"
    status = json.loads(path.read_text())
    status["owner"]["started"] -= 1000
    path.write_text(json.dumps(status))
    assert states(RunReader([folder]))["later"] == "interrupted"


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ("", 7),
        ("state=done", 4),
        ("alpha<0.2 state=done", 2),
        ("alpha>=0.2 state!=failed", 3),
        ("query_loss_after<=1", 2),
        ("tag=good", 1),
        ("tag!=good", 6),
        ("BASE", 1),
        ("seed=0 alpha=0.1", 1),
        ("unknown=1", 0),
        ("alpha<high", 0),
    ],
    ids=lambda _: "case",  # a folder with the words in its name would match
)
def test_filters_choose_runs(folder: Path, words: str, ids: int) -> None:
    Labels(name="baseline", tags=("good",)).write(folder / "runs" / "0.1-0")
    accepted = [row for row in RunReader([folder]).rows() if Filter.of(words).accepts(row)]
    assert len(accepted) == ids


def test_the_page_has_every_run_its_figures_and_sends_nothing_twice(folder: Path) -> None:
    reader = RunReader([folder])
    Labels(name=EVIL).write(folder / "runs" / "0.1-0")
    data = json.loads(page_data(reader))
    assert data["columns"][:5] == ["state", "run", "tags", "alpha", "seed"]
    assert data["runs"] == len(data["rows"]) == 7
    assert set(data["figures"]) == {"curves", "parallel", "importance", "against"}
    # what plotly would read as HTML is escaped; the table is written as text
    assert EVIL not in json.dumps(data["figures"])
    assert "&lt;img" in json.dumps(data["figures"])
    assert json.loads(page_data(reader, seen=data["digest"])) == {"digest": data["digest"]}
    few = json.loads(page_data(reader, "alpha=0.1", "query_loss_before", data["digest"]))
    assert (few["runs"], len(few["rows"]), few["metric"]) == (7, 2, "query_loss_before")
    begin(folder / ".tries" / "other.cd34", "other").write(
        "parameters.json", '{"alpha": 5, "seed": 1}'
    )
    assert len(json.loads(page_data(reader, seen=data["digest"]))["rows"]) == 8


def answers(folder: Path, *paths: str) -> dict[str, HTTPResponse]:
    """What the server answers to these requests."""

    async def ask() -> dict[str, HTTPResponse]:
        socket, port = bind_unused_port()
        server = HTTPServer(application(RunReader([folder]), "secret"))
        server.add_socket(socket)
        client = AsyncHTTPClient(force_instance=True)
        try:
            url = f"http://127.0.0.1:{port}"
            return {path: await client.fetch(url + path, raise_error=False) for path in paths}
        finally:
            client.close()
            server.stop()
            await server.close_all_connections()

    return asyncio.run(ask())


PAGES = ("/", "/runs", "/page.js", "/page.css", "/plotly.js")


def test_nobody_gets_anything_without_the_token(folder: Path) -> None:
    paths = [f"{page}{query}" for page in PAGES for query in ("", "?token=", "?token=secre")]
    for path, answer in answers(folder, *paths).items():
        assert answer.code == 403, path
        assert b"open the address that labkit watch prints" in answer.body


def test_with_the_token_the_page_is_whole_and_loads_nothing_from_elsewhere(folder: Path) -> None:
    several = answers(folder, *(f"{page}?token=secret" for page in PAGES), "/x?token=secret")
    assert several.pop("/x?token=secret").code == 404
    for path, answer in several.items():
        assert answer.code == 200, path
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    page = several["/?token=secret"].body.decode()
    assert "://" not in page
    assert 'src="page.js?token=secret"' in page
    data: dict[str, Any] = json.loads(several["/runs?token=secret"].body)
    assert len(data["rows"]) == 7


def labkit(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_runs_are_labelled_and_listed(folder: Path) -> None:
    one, two = folder / "runs" / "0.1-0", folder / "runs" / "0.2-0"
    assert labkit("label", one, two, "--tag", "good", "--note", "for the talk")[0] == 0
    assert labkit("label", two, "--name", "best", "--untag", "good")[0] == 0
    assert Labels.read(two) == Labels(name="best", tags=(), note="for the talk")
    code, output = labkit("list", folder, "--only", "state=done", "--sort", "query_loss_after")
    assert code == 0
    lines = [line.split() for line in output.splitlines() if line]
    assert lines[0] == ["run", "state", "tags", "alpha", "seed", "query_loss_after"]
    assert [line[0] for line in lines[1:5]] == ["best", "0.1-0", "0.2-1", "0.1-1"]
    assert lines[2][:4] == ["0.1-0", "done", "good", "0.1"]
    assert lines[-1] == ["4", "runs"]
    failed = folder / "runs" / "failed"
    assert labkit("label", failed, "--name", "first try", "--tag", "slow")[0] == 0
    lines = [line.split() for line in labkit("show", failed)[1].splitlines()]
    assert ["name", "first", "try"] in lines
    assert ["tags", "slow"] in lines


def test_names_that_no_run_has_are_refused(folder: Path) -> None:
    for words in (["--only", "alhpa<0.1"], ["--sort", "alhpa"]):
        code, output = labkit("list", folder, *words)
        assert code == 2
        assert "no run has a parameter or metric 'alhpa'; there are: alpha, " in output
    assert labkit("list", folder, "--only", "tag=nothing")[0] == 0


def test_labels_that_are_wrong_are_refused(folder: Path) -> None:
    run = folder / "runs" / "0.1-0"
    for words, message in (
        ([run], "nothing to write"),
        ([run, "--tag", "two words"], "a tag is a word without spaces"),
        ([folder / "runs", "--name", "x"], "is not the folder of a run"),
    ):
        code, output = labkit("label", *words)
        assert code == 2
        assert message in output
    (run / "labels.json").write_text("[")
    assert "labels.json is damaged" in labkit("label", run, "--name", "x")[1]
    assert any("labels.json is damaged" in row.error for row in RunReader([folder]).rows())


def test_a_run_that_is_repeated_keeps_its_labels(tmp_path: Path) -> None:
    own, plan = SweepFolder(tmp_path), Plan.of(tiny_notebook(tmp_path), {})
    own.attempts.mkdir()
    (tmp_path / "runs").mkdir()

    def failing(plan: Plan, path: Path) -> Status:
        run = RunFolder(path)
        run.begin(Status.running(plan.id, "mine"), {})
        return run.end(Status("failed", plan.id, "mine", 0.0, 1.0, "ValueError"))

    own.execute(plan, failing)
    Labels(name="first").write(own.run(plan).path)
    own.execute(plan, failing)
    assert Labels.read(own.run(plan).path).name == "first"
