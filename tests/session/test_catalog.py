"""Problems that a session can be switched to: each with each of its models."""

import pytest

from labkit import Session, Settings, Sinusoid, sinusoid_mlp
from labkit.session.catalog import PROBLEMS, problem_of, switched


@pytest.mark.parametrize(
    ("problem", "model"), [(name, model) for name, p in PROBLEMS.items() for model in p.models]
)
def test_a_session_trains_on_every_problem_with_every_model(problem: str, model: str) -> None:
    session = Session(Settings(seed=3), model=sinusoid_mlp, tasks=Sinusoid)
    source, settings = switched(session.source, session.settings, problem=problem, model=model)
    session.restart(source, settings.changed(meta_batch=1))
    session.run(1)
    snapshot = session.snapshot()
    assert (snapshot.meta_step, snapshot.settings.seed) == (1, 3)
    assert problem_of(session.source) == problem
    assert PROBLEMS[problem].model_named(session.source, session.settings) == model
    pictured = session.portrait(snapshot) is not None
    assert pictured == (problem not in ("Two curvatures", "Coupled quadratics"))  # two parameters


@pytest.mark.parametrize(
    ("problem", "model", "words"),
    [
        ("Nothing", None, "tasks = 'Nothing': must be one of Sinusoid, Tides, Emoji"),
        ("Tides", "conv4", "model = 'conv4': must be one of 64-64 tanh, 32-32 tanh"),
    ],
)
def test_there_are_no_others(problem: str, model: str | None, words: str) -> None:
    session = Session(Settings(), model=sinusoid_mlp, tasks=Sinusoid)
    with pytest.raises(ValueError, match=words):
        switched(session.source, session.settings, problem=problem, model=model)
