"""Gradient truth as a widget: through the messages that its page would send."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from labkit import GradientTruth, Lab, Session, Settings, two_rails
from labkit.session.observe import gradient_monitor
from tests.session.test_gradient_monitor import toy_session
from tests.widgets.page import until


@pytest.fixture(autouse=True)
def _small_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradient_monitor, "SCALES", (0.5, 1.0))
    monkeypatch.setattr(gradient_monitor, "LEAST_STEPS", 1)


@pytest.fixture
def session() -> Iterator[Session]:
    session = toy_session("Bent valleys")
    yield session
    session.close()


@pytest.fixture
def truth(session: Session) -> Iterator[GradientTruth]:
    truth = GradientTruth(session)
    yield truth
    truth.close()


def say(truth: GradientTruth, **message: Any) -> None:
    truth.board._handle_custom_msg({"view": "v", "asked": 0, **message}, [])


def status(truth: GradientTruth) -> str:
    return "\n".join(truth.board.state["status"]["value"])


def message(truth: GradientTruth) -> str:
    state = truth.board.state["message"]
    return "" if state["hidden"] else str(state["value"])


def complete(truth: GradientTruth) -> bool:
    view, step = truth.view, truth.session.snapshot().meta_step
    swept = view.sweep is not None and view.sweep.meta_step == step
    return swept and view.points[-1].meta_step == step and view.age == 0


def test_it_measures_a_session_at_rest_and_shows_it_to_a_page(truth: GradientTruth) -> None:
    sent: list[Any] = []
    truth.board.send = lambda content, *_: sent.append(content)
    say(truth, kind="ready")
    until(lambda: complete(truth))
    truth.session.run(3)
    until(lambda: complete(truth))
    assert [point.meta_step for point in truth.view.points] == [0, 3]
    until(lambda: "2 tasks · measured now" in status(truth))
    until(lambda: any(c["kind"] == "whole" and c["figures"]["instrument"]["data"] for c in sent))


def test_while_it_trains_it_measures_only_for_a_page(session: Session) -> None:
    truth = GradientTruth(session, share=1.0)
    until(lambda: complete(truth))

    def drawn(content: Any, *_: Any) -> None:
        if "number" in content:  # as a page does
            say(truth, kind="drawn", number=content["number"])

    truth.board.send = drawn
    session.play(40)
    session.wait()
    until(lambda: complete(truth))
    unseen = [point.meta_step for point in truth.view.points]
    assert unseen == [0, 40]
    say(truth, kind="ready")
    session.play()
    until(lambda: len(truth.view.points) > 4)
    session.pause()
    truth.close()


def test_its_buttons_check_the_gradient_and_enlarge_the_type(truth: GradientTruth) -> None:
    say(truth, kind="press", name="check")
    until(lambda: "passed" in message(truth))
    assert message(truth).startswith("Finite differences at meta-step 0: passed")
    assert truth.view.check is not None
    largest = max(float(truth.view.check.theta.errors.max()), 0.0)
    assert truth.view.check.alpha is not None
    largest = max(largest, float(truth.view.check.alpha.errors.max()))
    assert message(truth).endswith(f"{largest:.1e}")
    say(truth, kind="press", name="large")
    assert truth.board.large
    assert truth.board.state["large"]["pressed"]


def test_a_check_that_cannot_be_made_is_told_and_measuring_goes_on(session: Session) -> None:
    session.set(algorithm="imaml")  # agrees only as far as its linear system is solved
    truth = GradientTruth(session)
    truth.check()
    until(lambda: message(truth) and "…" not in message(truth))
    assert truth.board.state["message"]["tone"] == "error"
    session.run(1)
    until(lambda: complete(truth))
    truth.close()


def test_a_family_that_fails_is_told_until_it_works_again() -> None:
    class Moody:
        fails = False

        def __init__(self, shots: int) -> None:
            self._family = two_rails(shots)
            self.sample = self._family.sample

        def loss(self, predict: Any, batch: Any) -> Any:
            if Moody.fails:
                raise ZeroDivisionError("not today")
            return self._family.loss(predict, batch)

    class Point(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.theta = nn.Parameter(torch.zeros(1, dtype=torch.float64))

        def forward(self) -> torch.Tensor:
            return self.theta

    settings = Settings(meta_batch=2, shots=1)
    session = Session(settings, model=lambda _: Point(), tasks=Moody, test_tasks=2)
    truth = GradientTruth(session)
    until(lambda: complete(truth))
    assert not message(truth)
    Moody.fails = True
    session.set(alpha=0.3)
    until(lambda: "cannot be measured: ZeroDivisionError: not today" in message(truth))
    Moody.fails = False
    session.run(1)
    until(lambda: not message(truth))
    truth.close()


def test_what_diverges_is_told_until_it_is_finite_again(truth: GradientTruth) -> None:
    truth.session.set(alpha=1e200)
    until(lambda: "1 of 2 tasks have diverged" in message(truth))
    assert truth.board.state["message"]["tone"] == "error"
    truth.session.set(alpha=0.1)
    until(lambda: not message(truth))


def test_a_closed_session_is_shown_as_it_is(session: Session, truth: GradientTruth) -> None:
    session.run(2)
    session.close()
    until(lambda: complete(truth))
    assert truth.view.points[-1].meta_step == 2


def test_closing_it_leaves_lab_and_session(session: Session) -> None:
    lab, truth = Lab(session), GradientTruth(session)
    truth.close()
    truth.close()
    lab.alpha = 0.11
    session.run(1)
    assert session.settings.alpha == 0.11
    lab.close()


def test_without_a_page_it_is_a_plain_figure(session: Session) -> None:
    session.run(2)
    truth = GradientTruth(session)
    bundle = truth._repr_mimebundle_()
    assert "text/html" in bundle
    names = [trace["name"] for trace in bundle["application/vnd.plotly.v1+json"]["data"]]
    assert "first order" in names
    assert "theory" in names
    truth.close()


@pytest.mark.parametrize(("options", "words"), [({"tasks": 0}, "tasks"), ({"share": 2}, "share")])
def test_what_it_cannot_do_is_refused(
    session: Session, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        GradientTruth(session, **options)
