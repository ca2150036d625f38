"""What is said of numbers, and of the θ that they belong to."""

from typing import Any

import pytest

from labkit import Session, check_claims, measure, show_result
from tests.widgets.page import new_session


def test_each_claim_holds_or_not() -> None:
    said = check_claims({"one is less than two": True, "two is less than one": False}, meta_steps=3)
    heading, *claims = said.splitlines()
    assert heading == "After 3 meta-steps:"
    assert claims == ["holds          one is less than two", "does not hold  two is less than one"]
    with pytest.raises(ValueError, match="no claim to check: give at least one"):
        check_claims({}, meta_steps=3)


def test_numbers_of_an_untrained_session_say_so() -> None:
    session = new_session()
    assert measure(session, tasks=3).heading() == (
        "After 0 meta-steps (θ is untrained: train in the lab, then run the cells below it again), "
        "on 3 held-out tasks:"
    )
    session.run(2)
    assert measure(session, tasks=3).heading() == "After 2 meta-steps, on 3 held-out tasks:"


def test_a_figure_is_no_twin_of_a_lab_that_is_there(capsys: Any) -> None:
    session: Session = new_session()
    unsubscribe = session.subscribe(lambda: None)
    assert len(show_result(session).data) > 5
    said = capsys.readouterr().out
    assert "The lab above shows this session" in said
    assert "inner steps" not in said
    unsubscribe()
    show_result(session)
    assert "query loss after 0 … " in capsys.readouterr().out
