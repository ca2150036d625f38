"""Saved sessions: loaded they continue bit for bit, and nothing else is taken for one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from labkit import Session, Tides, tide_mlp
from labkit.session.history import BLOCK, History
from labkit.training import MetaStep, read_checkpoint, write_checkpoint
from tests.session.small_sessions import SMALL, same, same_session, small_session

SCHEDULE = ((4, "alpha", 0.1), (9, "meta_optimizer", "sgd"))


def explored() -> Session:
    """A session with a kept run, changes made and scheduled, and a learned α."""
    session = small_session(SMALL.changed(events=SCHEDULE))
    session.run(3)
    session.pin()
    session.set(order=1, alpha_learned="tensor", shots=2)
    session.run(6)
    session.pin()
    session.set(beta=0.02)
    return session


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "session"
    explored().save(path)
    return path


def test_a_loaded_session_is_the_saved_one_and_continues_bit_for_bit(file: Path) -> None:
    one, other = explored(), small_session(SMALL.changed(seed=7))
    other.run(2)
    before = other.snapshot()
    other.load(file)
    assert same_session(one.snapshot(), other.snapshot())
    assert other.recipe() == one.recipe()
    assert other.ahead == SCHEDULE[1:]
    assert not other.playing
    for mine, theirs in zip(one.ghosts, other.ghosts, strict=True):
        assert mine.label == theirs.label
        assert same_session(mine.snapshot, theirs.snapshot)
        assert one.adaptation_curve(mine.snapshot).mean.equal(
            other.adaptation_curve(theirs.snapshot).mean
        )
    for each in (one, other):
        each.run(12)
    assert same_session(one.snapshot(), other.snapshot())
    for each in (one, other):
        each.look(5)
    assert same_session(one.snapshot(), other.snapshot())
    # what it was before is one undo away
    other.undo()
    other.undo()
    assert same_session(before, other.snapshot())


def test_a_playing_session_can_be_saved(tmp_path: Path) -> None:
    session, other = small_session(), small_session()
    session.play()
    session.save(tmp_path / "session")
    assert session.playing
    session.close()
    other.load(tmp_path / "session")
    assert other.last_step <= session.last_step


def at(*keys: Any) -> Callable[[Any], Callable[[Any], None]]:
    def put(value: Any) -> Callable[[Any], None]:
        def change(content: Any) -> None:
            for key in keys[:-1]:
                content = content[key]
            content[keys[-1]] = value

        return change

    return put


def drop(name: str) -> Callable[[Any], None]:
    def change(content: Any) -> None:
        del content[name]

    return change


CRAFTED = {
    "beta": (at("settings", "beta")(-1.0), "its settings are not allowed: beta = -1.0"),
    "text": (at("start", "seed")("x"), "its settings are not allowed: seed = 'x'"),
    "unknown kind": (at("kind")("Other"), "KeyError: 'Other'"),
    "no run": (drop("columns"), "KeyError: 'columns'"),
    "losses": (at("columns")(torch.zeros(3, 2).double()), "it has 2 losses, and states at"),
    "nan": (at("columns")(torch.full((3, 6), torch.nan).double()), "no finite numbers"),
    "no table": (at("columns")([1, 2]), "its losses are no table"),
    "no states": (at("states")([]), r"states at the meta-steps \[\]"),
    "another seed": (at("states", 1, "learner", "seed")(9), "of another seed than its settings"),
    "step size": (
        at("states", 1, "learner", "optimizer", "param_groups", 0, "lr")(-0.5),
        "no finite number ≥ 0 but -0.5",
    ),
    "far event": (at("events")([[50, "alpha", 0.1]]), "changed after the last meta-step"),
    "bad event": (at("events")([[1, "alpha", -0.1]]), "its settings are not allowed"),
    "ghost's θ": (at("ghosts", 0, "params")({}), "a kept run has parameters {}"),
    "ghost's step": (at("ghosts", 0, "meta_step")(-3), "of a kept run is no whole number"),
    "ghost's α": (at("ghosts", 0, "alpha")([0.1, 0.2]), "alpha"),
    "ghost's tasks": (at("ghosts", 0, "tasks")(3), "has no valid state"),
    "ghosts": (at("ghosts")(3), "TypeError"),
    "other tasks": (at("source", "tasks")("Tides"), "whose tasks is Tides, and this one's is"),
    "no source": (at("source")(None), "does not say what it belongs to"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_session_is_not_taken(name: str, file: Path, tmp_path: Path) -> None:
    change, words = CRAFTED[name]
    content = read_checkpoint(file, "Session")
    change(content)
    write_checkpoint(tmp_path / "crafted", "Session", content)
    session = small_session()
    session.run(2)
    before = session.snapshot()
    with pytest.raises(ValueError, match=words):
        session.load(tmp_path / "crafted")
    assert same_session(before, session.snapshot())
    assert session.ghosts == ()
    assert not session.can_undo


def test_sessions_of_others_and_damaged_ones_are_named(file: Path, tmp_path: Path) -> None:
    tides = Session(SMALL, model=tide_mlp, tasks=Tides, dtype=torch.float64)
    with pytest.raises(ValueError, match="whose tasks is Sinusoid, and this one's is Tides"):
        tides.load(file)
    with pytest.raises(ValueError, match="whose dtype is float64, and this one's is float32"):
        small_session(dtype=torch.float32).load(file)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    (tmp_path / "flipped").write_bytes(data)
    with pytest.raises(ValueError, match="is damaged"):
        small_session().load(tmp_path / "flipped")
    small_session().learner().save(tmp_path / "learner")
    with pytest.raises(ValueError, match="is a checkpoint of a MetaLearner, not of a Session"):
        small_session().load(tmp_path / "learner")
    with pytest.raises(FileNotFoundError):
        small_session().load(tmp_path / "nothing")


@pytest.mark.parametrize("meta_steps", [0, 5, BLOCK, BLOCK + 3])
def test_histories_come_back_whole(meta_steps: int) -> None:
    one = History()
    for number in range(meta_steps):
        one.append(MetaStep(1.0 / (number + 1), 0.5 / (number + 1)), 0.25)
    other = History.of([], one.columns())
    for history in (one, other):
        history.append(MetaStep(0.3, 0.2), 0.5)
    assert len(other) == len(one) == meta_steps + 1
    assert (other.seconds, other.latest) == (one.seconds, one.latest)
    for most in (None, 7):
        curves = one.curve(most), other.curve(most)
        for name in ("meta_step", "loss_before", "loss_after", "seconds"):
            assert np.array_equal(*(getattr(curve, name) for curve in curves))
    assert same(one.columns().tolist(), other.columns().tolist())
