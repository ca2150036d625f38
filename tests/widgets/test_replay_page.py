"""The page that plays without a kernel: what is recorded is what the session gives there."""

import base64
import gzip
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labkit import Lab, Session, Sinusoid, export_replay, sinusoid_mlp
from labkit.widgets.controls import specification
from labkit.widgets.lab_controls import LabControls
from labkit.widgets.replay_page import Recording, record
from tests.session.small_sessions import SMALL

CHANGED = 7


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    start = SMALL.changed(inner_steps=2)
    session = Session(start, model=sinusoid_mlp, tasks=Sinusoid, test_tasks=8)
    session.run(CHANGED)
    session.pin()
    session.set(alpha=0.2, order=1)
    session.run(12)
    yield session
    session.close()


@pytest.fixture(scope="module")
def recording(session: Session) -> Recording:
    return record(session, specification(LabControls(session).groups()), states=4)


def curve_at(recording: Recording, number: int, panel: str, name: str) -> Any:
    """The numbers of a curve at a frame, put together as the page does."""
    traces = [dict(trace) for trace in recording.first[panel]["data"]]
    changes = recording.frames[number].figures[panel]
    for index, changed in changes["traces"]:
        traces[index].update(changed)
    return next(trace["y"] for trace in traces if trace.get("name") == name)


def test_states_are_even_and_changes_are_among_them(recording: Recording) -> None:
    assert [frame.meta_step for frame in recording.frames] == [0, 4, CHANGED, 8, 12]
    status = [frame.state["status"]["value"] for frame in recording.frames]
    assert status[1][0] == "meta-step 4 of 12 · recorded"
    assert status[2][1].startswith("α = 0.2")
    assert status[1][1].startswith("α = 0.05")


def test_recorded_curves_are_those_of_the_session(session: Session, recording: Recording) -> None:
    for number, frame in enumerate(recording.frames):
        snapshot = session.snapshot(frame.meta_step)
        name = "first-order MAML" if frame.meta_step >= CHANGED else "MAML"
        curve = session.adaptation_curve(snapshot)
        np.testing.assert_array_equal(curve_at(recording, number, "adaptation", name), curve.mean)
        portrait: Any = session.portrait(snapshot)
        before = curve_at(recording, number, "task", "before")
        np.testing.assert_array_equal(before, portrait.predictions[0])
    losses = session.snapshot().curve.loss_after
    np.testing.assert_array_equal(
        curve_at(recording, -1, "training", "after adaptation")[-1], losses[-1]
    )


def test_recording_leaves_the_session_as_it_was(session: Session) -> None:
    session.look(3)
    record(session, [], states=2)
    assert session.looking == 3
    assert session.snapshot().meta_step == 3
    session.look(None)


def test_the_page_has_all_that_it_needs(session: Session, tmp_path: Path) -> None:
    page = export_replay(session, tmp_path / "run.html", states=3).read_text(encoding="utf-8")
    assert not re.search(r"<(link|img|iframe)|\ssrc=|@import|url\((?!#)", page)
    parts = dict(re.findall(r'type="text/plain" id="maml-lab-(\w+)">([\w+/=]*)<', page))
    content = json.loads(gzip.decompress(base64.b64decode(parts["recording"])))
    numbers = gzip.decompress(base64.b64decode(parts["arrays"]))
    names = {control["name"] for group in content["controls"] for control in group["controls"]}
    assert names == {"play", "status", "look", "large", "shown_step", "all_steps"}
    (y,) = [t["y"]["$array"] for t in content["first"]["adaptation"]["data"] if t["name"] == "MAML"]
    curve = np.frombuffer(numbers, "<f4", y[1], y[0])
    np.testing.assert_allclose(curve, session.adaptation_curve(session.snapshot(0)).mean, rtol=1e-6)
    assert len(page) - len(parts["plotly"]) < 300_000


@pytest.mark.parametrize("states", [1, 0, True, 2.0, "all"])
def test_a_number_of_states_that_is_none_is_refused(session: Session, states: Any) -> None:
    with pytest.raises(ValueError, match=r"states must be a whole number ≥ 2, got"):
        record(session, [], states=states)


def test_a_session_that_has_not_been_trained_has_one_state() -> None:
    session = Session(SMALL, model=sinusoid_mlp, tasks=Sinusoid, test_tasks=4)
    assert [frame.meta_step for frame in record(session, []).frames] == [0]
    session.close()


def test_the_menu_records_aside_and_downloads(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(session)
    saved: dict[str, bytes] = {}
    done = threading.Event()

    def save(name: str, content: bytes) -> None:
        saved[name] = content
        done.set()

    monkeypatch.setattr(lab.dashboard, "save_file", save)
    lab.choose("export", "replay")
    assert lab._view.note.startswith("Recording")
    assert done.wait(60)
    assert list(saved) == ["maml-lab-12-replay.html"]
    assert saved["maml-lab-12-replay.html"].startswith(b"<!DOCTYPE html>")
    for thread in threading.enumerate():
        if thread.name == "maml-lab-replay":
            thread.join()
    assert lab._view.note == "Recorded: maml-lab-12-replay.html"
    lab.close()
