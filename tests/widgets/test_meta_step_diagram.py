"""The diagram of a meta-step as a widget: through the messages that its page would send."""

from collections.abc import Iterator
from typing import Any

import plotly.graph_objects as go
import pytest

from labkit import Lab, MetaStepDiagram, Session
from labkit.widgets.instrument import InstrumentBoard
from tests.session.test_gradient_monitor import toy_session
from tests.widgets.page import until


@pytest.fixture
def session() -> Iterator[Session]:
    session = toy_session("Coupled quadratics", inner_steps=2)
    yield session
    session.close()


@pytest.fixture
def diagram(session: Session) -> Iterator[MetaStepDiagram]:
    diagram = MetaStepDiagram(session)

    def drawn(content: Any, *_: Any) -> None:
        if "number" in content:  # as a page does
            say(diagram, kind="drawn", number=content["number"])

    diagram.board.send = drawn
    yield diagram
    diagram.close()


def say(diagram: MetaStepDiagram, **message: Any) -> None:
    diagram.board._handle_custom_msg({"view": "v", "asked": 0, **message}, [])


def status(diagram: MetaStepDiagram) -> str:
    return "\n".join(diagram.board.state["status"]["value"])


def test_nothing_is_measured_before_a_page_shows_it(diagram: MetaStepDiagram) -> None:
    diagram.session.run(1)
    assert not diagram.draw()
    assert diagram.view.trace is None
    say(diagram, kind="ready")
    until(lambda: "meta-step 2 · task 1 of 3" in status(diagram))


def test_its_buttons_and_those_of_a_lab_walk_the_same_way(diagram: MetaStepDiagram) -> None:
    session, lab = diagram.session, Lab(diagram.session)
    say(diagram, kind="ready")
    say(diagram, kind="press", name="inner_step")
    until(lambda: "task 1 of 3, 0° · inner step 1 of 2" in status(diagram))
    lab.press("task")
    until(lambda: "task 1 of 3, 0° · inner step 2 of 2" in status(diagram))
    say(diagram, kind="press", name="task")
    assert session.snapshot().cursor == diagram.session.snapshot().cursor
    until(lambda: "task 2 of 3, 60° · inner step 2 of 2" in status(diagram))
    lab.press("meta_step")
    until(lambda: status(diagram).startswith("meta-step 2 · task 1 of 3, 0°\n"))
    say(diagram, kind="press", name="large")
    assert diagram.board.large
    lab.close()


def test_its_buttons_wait_for_a_pause(diagram: MetaStepDiagram) -> None:
    say(diagram, kind="ready")
    until(lambda: diagram.view.trace is not None)
    diagram.session.play()
    until(lambda: diagram.board.state["task"]["disabled"])
    until(lambda: diagram.view.meta_step > 2)
    diagram.session.pause()
    until(lambda: not diagram.board.state["task"]["disabled"])
    until(lambda: diagram.view.age == 0 and diagram.view.meta_step == diagram.session.last_step)


def test_what_diverges_is_told_and_the_rest_is_drawn(diagram: MetaStepDiagram) -> None:
    say(diagram, kind="ready")
    diagram.session.set(alpha=1e200)
    until(lambda: "DivergedError" in str(diagram.board.state["message"]["value"]))
    assert diagram.view.trace is not None
    diagram.session.set(alpha=0.1)
    until(lambda: diagram.board.state["message"]["hidden"])


def test_without_a_page_it_is_a_plain_figure_and_closing_it_ends_nothing_else(
    session: Session,
) -> None:
    diagram, other = MetaStepDiagram(session), MetaStepDiagram(session)
    bundle = diagram._repr_mimebundle_()
    assert "text/html" in bundle
    texts = [t.get("text", ()) for t in bundle["application/vnd.plotly.v1+json"]["data"]]
    assert any(str(text).startswith("<b>θ</b> loss ") for trace in texts for text in trace)
    diagram.close()
    diagram.close()
    other.board.send = lambda *_: None
    say(other, kind="ready")
    until(lambda: other.view.trace is not None)
    session.run(1)
    assert session.last_step == 1
    other.close()


def test_a_page_that_draws_late_gets_the_figure_of_now() -> None:
    board = InstrumentBoard([], go.Figure(), heading="Late")
    sent: list[Any] = []
    board.send = lambda content, *_: sent.append(content)
    board._handle_custom_msg({"view": "v", "asked": 0, "kind": "ready"}, [])
    assert not board.idle(0.0)
    board.show(go.Figure(go.Scatter(y=[7.0])))
    board.flush()
    assert len(sent) == 1
    board._handle_custom_msg({"view": "v", "asked": 0, "kind": "drawn", "number": 1}, [])
    assert sent[-1]["kind"] == "whole"
    assert len(sent[-1]["figures"]["instrument"]["data"]) == 1
    board.close()
