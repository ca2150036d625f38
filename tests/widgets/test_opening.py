"""How a notebook opens the lab."""

from collections.abc import Iterator
from typing import Any

import pytest

from labkit import open_lab
from labkit.widgets import opening
from tests.widgets.page import new_session, unpacked


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A frontend; its last cell is the one that runs."""
    ran = ["one"]
    monkeypatch.setattr(opening, "running_cell", lambda: ran[-1])
    yield ran
    for lab in opening._open.values():
        lab.close()
        lab.session.close()
    opening._open.clear()


def test_headless_it_trains_to_the_end() -> None:
    session = new_session(meta_steps=4)
    open_lab(session)
    assert session.last_step == 4
    open_lab(session)
    assert session.last_step == 4


def test_headless_it_refuses_controls_that_a_page_would_refuse() -> None:
    session = new_session(meta_steps=4)
    for options in ({"show": ["paly"]}, {"lock": ["paly"]}, {"show": "play"}):
        with pytest.raises(ValueError, match="must be a list of names of controls, got 'p"):
            open_lab(session, **options)
    assert session.last_step == 0


def test_running_a_cell_again_closes_its_lab(cells: list[str], capsys: Any) -> None:
    first, second, other = new_session(), new_session(), new_session()
    open_lab(first)
    first.play()
    open_lab(second)
    assert not first.playing
    second.play()
    cells.append("another")
    open_lab(other)
    assert second.playing
    said = capsys.readouterr().out
    assert said.count("MAML Lab (live in a notebook with widgets)") == 3
    assert said.count("HTML object") == 3  # a still picture below each


def test_a_session_in_two_cells_trains_on_when_one_runs_again(
    cells: list[str], capsys: Any
) -> None:
    session, other = new_session(), new_session()
    open_lab(session)
    session.play()
    cells.append("another")
    open_lab(session)
    open_lab(other)
    assert session.playing, "the first cell shows it"
    cells.append("one")
    open_lab(other)
    assert not session.playing, "nobody shows it"
    assert capsys.readouterr().out


def test_the_first_curves_come_with_the_lab(cells: list[str], capsys: Any) -> None:
    open_lab(new_session())
    first = opening._open[cells[-1]].dashboard.first
    curves = unpacked(first["figures"], first["buffers"])["adaptation"]["data"]
    assert len(curves[-1]["y"]) == 11  # before and after ten steps
    assert capsys.readouterr().out


def test_what_is_shown_and_locked_is_passed_on(cells: list[str], capsys: Any) -> None:
    open_lab(new_session(), show=["alpha"], lock=["alpha"])
    state = opening._open[cells[-1]].dashboard.state
    assert state["beta"]["hidden"]
    assert state["alpha"]["disabled"]
    assert capsys.readouterr().out


def test_a_lab_that_cannot_be_opened_leaves_none(cells: list[str], capsys: Any) -> None:
    open_lab(new_session())
    with pytest.raises(ValueError, match="show must be a list of names"):
        open_lab(new_session(), show=["alfa"])
    assert cells[-1] not in opening._open
    assert capsys.readouterr().out
