"""Trainings of headless runs: interrupted anywhere they continue, to the same numbers."""

import json
import os
import random
import signal
import time
import warnings
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

from labkit import MetaLearner, Session
from labkit.paper.settings import PaperSettings
from labkit.paper.sinusoid import train_paper_run
from labkit.session import run_checkpoint
from labkit.session.progress import PATIENCE, VARIABLE
from labkit.session.run_checkpoint import CheckpointWarning
from labkit.session.settings import (
    EVERY_VARIABLE,
    FOLDER_VARIABLE,
    ParameterError,
    notebook_settings,
)
from labkit.training import read_checkpoint, write_checkpoint
from tests.session.small_sessions import SMALL, same_session, small_session

KILLS_HERE, KILLS = 5, 100


class Attempts:
    """Processes that train one after another, each as if it were a new one."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, monkeypatch
        self.taken = 0
        """Meta-steps of this attempt."""
        self._most: float = float("inf")
        step = MetaLearner.step

        def counted(learner: MetaLearner) -> Any:
            if self.taken >= self._most:
                raise KeyboardInterrupt
            self.taken += 1
            return step(learner)

        monkeypatch.setattr(MetaLearner, "step", counted)
        monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
        monkeypatch.setenv(EVERY_VARIABLE, "0")

    def begin(self, most: float = float("inf")) -> None:
        self.taken, self._most = 0, most
        self._patch.setattr(run_checkpoint, "_numbers", count(1))


@pytest.fixture
def attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attempts:
    return Attempts(tmp_path / "checkpoint", monkeypatch)


def trained(until: int = 12) -> Session:
    """As a notebook trains: in two pieces, with a change between."""
    session = small_session(SMALL.changed(events=((9, "alpha", 0.2),)))
    session.run(5)
    session.set(beta=0.02, inner_steps=2)
    session.run(until)
    return session


@pytest.mark.parametrize("at", [3, 5, 8])
def test_an_interrupted_training_continues_to_the_same_numbers(
    at: int, attempts: Attempts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "progress"))
    monkeypatch.delenv(FOLDER_VARIABLE)
    whole, progress = trained(), (tmp_path / "progress").read_text()
    monkeypatch.setenv(FOLDER_VARIABLE, str(attempts.folder))
    attempts.begin(at)
    with pytest.raises(KeyboardInterrupt):
        trained()
    (attempts.folder / ".abcd.training-1.safetensors").touch()  # of an attempt that was killed
    attempts.begin()
    again = trained()
    assert attempts.taken == 12 - at
    assert same_session(again.snapshot(), whole.snapshot())
    assert again.recipe() == whole.recipe()
    assert json.loads((tmp_path / "progress").read_text()) == json.loads(progress)
    files = sorted(path.name for path in attempts.folder.iterdir())
    assert files == ["training-1.safetensors", "training-2.safetensors"]
    # an edit before the checkpoint is undone as ever
    for each in (again, whole):
        each.undo()
    assert same_session(again.snapshot(), whole.snapshot())


def test_patience_counts_from_the_first_attempt_on(
    attempts: Attempts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "progress"))
    monkeypatch.setenv(PATIENCE, "4")

    def attempt(most: float = float("inf")) -> int:
        attempts.begin(most)
        session = small_session(SMALL.changed(alpha=0.0, beta=0.0, meta_batch=1))
        session.run(60)
        return session.last_step

    monkeypatch.delenv(FOLDER_VARIABLE)
    whole = attempt()
    assert whole < 60
    monkeypatch.setenv(FOLDER_VARIABLE, str(attempts.folder))
    with pytest.raises(KeyboardInterrupt):
        attempt(whole - 2)
    assert (attempt(), attempts.taken) == (whole, 2)


def test_another_training_begins_at_its_beginning(attempts: Attempts) -> None:
    attempts.begin(4)
    with pytest.raises(KeyboardInterrupt):
        trained()
    attempts.begin()
    small_session(SMALL.changed(seed=1)).run(5)
    assert attempts.taken == 5


def test_a_damaged_checkpoint_costs_time_and_no_digit(attempts: Attempts) -> None:
    attempts.begin(4)
    with pytest.raises(KeyboardInterrupt):
        trained()
    file = attempts.folder / "training-1.safetensors"
    content = read_checkpoint(file, "training")
    data = bytearray(file.read_bytes())
    data[-9] ^= 1
    del content["state"]["states"]
    for words in ("is damaged", "KeyError: 'states'"):
        file.write_bytes(data)
        attempts.begin()
        session = small_session(SMALL.changed(events=((9, "alpha", 0.2),)))
        with pytest.warns(CheckpointWarning, match=words):
            session.run(5)
        assert attempts.taken == 5
        write_checkpoint(file, "training", content)
        data = bytearray(file.read_bytes())


def test_a_full_disk_ends_no_training(attempts: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    attempts.begin()
    session = small_session()
    with pytest.warns(CheckpointWarning, match="No space left on device"):
        session.run(2)
    assert session.last_step == 2
    assert [*attempts.folder.iterdir()] == []


def test_the_papers_runs_continue_too(attempts: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = PaperSettings(meta_steps=7, meta_batch=2)
    monkeypatch.delenv(FOLDER_VARIABLE)
    whole = train_paper_run(settings)
    monkeypatch.setenv(FOLDER_VARIABLE, str(attempts.folder))
    attempts.begin(4)
    with pytest.raises(KeyboardInterrupt):
        train_paper_run(settings)
    attempts.begin()
    again = train_paper_run(settings)
    assert attempts.taken == 3
    assert again.history == whole.history
    for name, tensor in whole.learner.params.items():
        assert torch.equal(tensor, again.learner.params[name])


def test_papermill_names_the_folder_by_a_parameter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, "")  # restored afterwards
    cell = '# Parameters\nalpha = 0.2\ncheckpoint = "x"\n'
    values: dict[str, Any] = {"alpha": 0.2, "checkpoint": str(tmp_path / "x"), "In": ["", cell]}
    assert notebook_settings(values).alpha == 0.2
    assert os.environ[FOLDER_VARIABLE] == str(tmp_path / "x")
    with pytest.raises(ParameterError, match="checkpoint = 3: must be text"):
        notebook_settings(values | {"checkpoint": 3})
    # a variable of that name in a notebook is no parameter
    assert notebook_settings(values | {"checkpoint": 3, "In": []}).alpha == 0.2


def written_until_killed(path: Path, seconds: float) -> int:
    """The last number that a process said it had written before it was killed."""
    ours, theirs = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses none of the threads that it has not
        process = os.fork()
    if process == 0:
        try:
            for number in count():
                content = {"number": number, "values": torch.full((20_000,), float(number))}
                write_checkpoint(path, "Numbers", content)
                os.write(theirs, number.to_bytes(4, "little"))
        finally:
            os._exit(1)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        said = pipe.read()
    return int.from_bytes(said[-4:], "little") if said else -1


@pytest.fixture
def delays() -> Iterator[float]:
    rng = random.Random(0)
    return (rng.uniform(0.01, 0.1) for _ in count())


def assert_none_is_lost(folder: Path, delays: Iterator[float], kills: int) -> None:
    path, some = folder / "numbers", 0
    for _ in range(kills):
        said = written_until_killed(path, next(delays))
        if said >= 0:
            some += 1
            content = read_checkpoint(path, "Numbers")
            assert content["number"] in {said, said + 1}
            assert content["values"].eq(content["number"]).all()
    assert some


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_process_killed_while_it_writes_loses_nothing(
    tmp_path: Path, delays: Iterator[float]
) -> None:
    assert_none_is_lost(tmp_path, delays, KILLS_HERE)


@pytest.mark.exhaustive
def test_a_hundred_processes_killed_while_they_write(
    tmp_path: Path, delays: Iterator[float]
) -> None:
    assert_none_is_lost(tmp_path, delays, KILLS)
