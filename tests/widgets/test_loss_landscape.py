"""The loss landscape as a widget: through the messages that its page would send."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from labkit import Lab, LossLandscape, PlaneChoice, Session, random_directions
from tests.session.small_sessions import SMALL, small_session
from tests.session.test_gradient_monitor import toy_session
from tests.widgets.page import until
from tests.widgets.test_gradient_truth import message, say, status


@pytest.fixture
def session() -> Iterator[Session]:
    session = small_session(SMALL.changed(meta_batch=2))
    yield session
    session.close()


@pytest.fixture
def landscape(session: Session) -> Iterator[LossLandscape]:
    landscape = LossLandscape(session, points=9, tasks=3)
    yield landscape
    landscape.close()


def complete(landscape: Any) -> bool:
    """Whether all of it has been measured where the session is, and said."""
    view, snapshot = landscape.view, landscape.session.snapshot()
    there = view.landscape is not None and view.landscape.stride == 1
    here = there and view.landscape.meta_step == snapshot.meta_step and view.age == 0
    return bool(here) and view.landscape.alpha == snapshot.settings.alpha


def spanned_by(landscape: Any) -> str:
    return str(landscape.view.landscape.spanned_by) if complete(landscape) else ""


def test_it_measures_again_when_alpha_changes_and_shows_it_to_a_page(
    session: Session, landscape: Any
) -> None:
    sent: list[Any] = []

    def drawn(content: Any, *_: Any) -> None:
        sent.append(content)
        if "number" in content:  # as a page does
            say(landscape, kind="drawn", number=content["number"])

    landscape.board.send = drawn
    say(landscape, kind="ready")
    session.run(24)
    until(lambda: complete(landscape))
    first = landscape.view.landscape
    session.set(alpha=0.2)
    until(lambda: complete(landscape) and landscape.view.landscape is not first)
    second = landscape.view.landscape
    torch.testing.assert_close(first.before, second.before)  # of the same plane
    assert (first.after - second.after).abs().max() > 1e-3
    until(lambda: "θ of meta-step 24, measured now · 9 × 9 points" in status(landscape))

    def titles() -> list[str]:
        whole = [c["figures"]["instrument"] for c in sent if c["kind"] == "whole"]
        return [a["text"] for a in whole[-1]["layout"].get("annotations", [])]

    until(lambda: "<b>after 1 inner step, α = 0.2</b>" in titles())
    assert not message(landscape)


def test_its_plane_and_two_tasks_are_chosen_on_the_page(session: Session, landscape: Any) -> None:
    until(lambda: spanned_by(landscape) == "tasks")  # there is no history yet
    assert "too short for its principal directions" in message(landscape)
    assert message(landscape).endswith("Shown instead: two tasks")
    state = landscape.board.state
    assert state["plane"]["value"] == "path"
    assert [value for value, _ in state["plane"]["options"]] == ["path", "tasks", "random"]
    assert state["first"]["hidden"]
    session.run(24)
    until(lambda: spanned_by(landscape) == "path" and not message(landscape))
    say(landscape, kind="set", name="plane", value="tasks", final=True)
    until(lambda: spanned_by(landscape) == "tasks")
    state = landscape.board.state
    assert not state["first"]["hidden"]
    assert [value for value, _ in state["first"]["options"]] == [0, 1, 2]
    say(landscape, kind="set", name="first", value=1, final=True)
    until(lambda: complete(landscape) and landscape.view.landscape.pair == (1, 0))
    say(landscape, kind="set", name="second", value=2, final=True)
    until(lambda: complete(landscape) and landscape.view.landscape.pair == (1, 2))
    say(landscape, kind="set", name="plane", value="a saddle", final=True)
    assert "plane must be one of" in message(landscape)
    assert landscape.choice.plane == "tasks"


def test_directions_are_given_in_code_and_bad_ones_told(session: Session, landscape: Any) -> None:
    both = random_directions(session.snapshot().params, 2, torch.Generator().manual_seed(0))
    landscape.choice = PlaneChoice("directions", directions=both, points=9, tasks=3)
    until(lambda: spanned_by(landscape) == "directions" and not message(landscape))
    assert "directions" in [value for value, _ in landscape.board.state["plane"]["options"]]
    parallel = [both[0], both[0]]
    landscape.choice = PlaneChoice("directions", directions=parallel, points=9, tasks=3)
    until(lambda: "not parallel to one another" in message(landscape))
    until(lambda: spanned_by(landscape) == "tasks")
    with pytest.raises(ValueError, match="not parallel"):
        landscape.figure()


def test_while_it_trains_it_measures_only_for_a_page(session: Session, landscape: Any) -> None:
    until(lambda: complete(landscape))
    measured = landscape.view.landscape
    session.play(9)
    session.wait(60)
    assert landscape.view.landscape is measured
    until(lambda: complete(landscape))
    assert landscape.view.landscape.meta_step == 9


def test_a_toy_has_a_line_and_nothing_to_choose() -> None:
    session = toy_session("Two rails")
    landscape: Any = LossLandscape(session, points=9)
    until(lambda: spanned_by(landscape) == "parameters")
    until(lambda: landscape.board.state["plane"]["disabled"])
    assert "no more numbers" in landscape.board.state["plane"]["reason"]
    assert not message(landscape)
    landscape.close()
    session.close()


def test_a_closed_session_is_shown_as_it_is(session: Session, landscape: Any) -> None:
    session.run(2)
    session.close()
    until(lambda: complete(landscape))
    assert landscape.view.landscape.meta_step == 2


def test_closing_it_leaves_lab_and_session(session: Session, landscape: LossLandscape) -> None:
    lab = Lab(session)
    landscape.close()
    landscape.close()
    lab.alpha = 0.11
    session.run(1)
    assert session.settings.alpha == 0.11
    lab.close()


def test_without_a_page_it_is_a_plain_figure(session: Session) -> None:
    session.run(24)
    landscape = LossLandscape(session, points=9, tasks=2)
    bundle = landscape._repr_mimebundle_()
    assert "text/html" in bundle
    names = [trace["name"] for trace in bundle["application/vnd.plotly.v1+json"]["data"]]
    assert {"loss before adaptation", "loss after adaptation", "θ's path"} <= set(names)
    landscape.close()
    with pytest.raises(ValueError, match="points must be 4n"):
        LossLandscape(session, points=10)
    with pytest.raises(ValueError, match="share"):
        LossLandscape(session, share=2)
