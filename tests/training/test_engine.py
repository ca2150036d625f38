"""Engines: the same run to the last bit when recorded, to rounding when compiled, or a reason."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from labkit import (
    ANIL,
    IMAML,
    MAML,
    Adam,
    JointTraining,
    LearnedAlpha,
    MetaLearner,
    MetaSGD,
    ProtoMAML,
    Reptile,
    Sinusoid,
    sinusoid_mlp,
)
from labkit.training.engine import compilation, engine
from labkit.training.engine.recording import Recording
from tests.training.point_tasks import WAYS, Clouds, Lines, made


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compilation.FOLDER, str(tmp_path / "cache"))


@pytest.fixture
def calls(recorded: list[Any], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every call of a recording, which now begins with the third meta-step."""
    monkeypatch.setattr(engine, "RECORDED_AFTER", 3)
    return recorded


def normed() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8, track_running_stats=False), head())


def head() -> nn.Module:
    return nn.Sequential(nn.Linear(8, WAYS))


def tied() -> nn.Module:
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2), nn.Linear(2, 1))
    model[2].weight = model[0].weight
    model[3].bias.requires_grad_(False)
    return model


class Images(nn.Module):
    """A convolution, on points that are laid out as an image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, (1, 2), bias=False)
        self.head = nn.Linear(3, WAYS)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.conv(x[:, None, None]).flatten(1).relu())
        return out


REGRESSIONS = {
    "MAML": MAML(alpha=0.05),
    "3 steps": MAML(alpha=0.05, inner_steps=3),
    "order 1": MAML(alpha=0.05, inner_steps=2, order=1),
    "alpha per step": MAML(alpha=[0.05, 0.02], inner_steps=2),
    "learned alpha": MAML(alpha=LearnedAlpha(0.05, granularity="tensor", per_step=True)),
    "inner Adam": MAML(alpha=0.05, inner_steps=2, inner_optimizer=Adam()),
    "loss weights": MAML(alpha=0.05, inner_steps=2, loss_weights=[0.3, 0.7]),
    "Meta-SGD": MetaSGD(alpha=0.05),
    "Reptile": Reptile(alpha=0.05, inner_steps=3),
    "iMAML": IMAML(alpha=0.05, inner_steps=3),
    "joint training": JointTraining(alpha=0.05),
}
CLASSIFICATIONS = {
    "MAML": MAML(alpha=0.1, inner_steps=2),
    "ANIL": ANIL(alpha=0.1, head="2.*"),
    "ProtoMAML": ProtoMAML(alpha=0.1, head="2.0.*"),
}


def learner(tasks: Any, model: Any, algorithm: Any, **options: Any) -> MetaLearner:
    return MetaLearner(made(model), tasks, algorithm, meta_batch=4, beta=0.01, **options)


def assert_recorded_as_computed(calls: list[Any], *args: Any, **options: Any) -> None:
    recorded = learner(*args, **options)
    steps = recorded.train(6)
    assert len(calls) == 4
    calls.clear()
    computed = learner(*args, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "RECORDED_AFTER", 10_000)
        assert computed.train(6) == steps
    assert not calls
    for name, tensor in computed.params.items():
        assert torch.equal(tensor, recorded.params[name])


@pytest.mark.parametrize("name", REGRESSIONS)
def test_recorded_bit_for_bit(name: str, calls: list[Any]) -> None:
    assert_recorded_as_computed(calls, Lines(), tied, REGRESSIONS[name])


@pytest.mark.parametrize("name", CLASSIFICATIONS)
def test_recorded_classification_bit_for_bit(name: str, calls: list[Any]) -> None:
    assert_recorded_as_computed(calls, Clouds(), normed, CLASSIFICATIONS[name])


def test_recorded_convolutions_bit_for_bit(calls: list[Any]) -> None:
    options: dict[str, Any] = {"task_chunk": 3, "reduction": "sum", "dtype": torch.float32}
    assert_recorded_as_computed(calls, Clouds(), Images, MAML(alpha=0.1), **options)


def test_alpha_and_beta_are_inputs_and_inner_steps_are_not(calls: list[Any]) -> None:
    meta_learner = learner(Lines(), tied, MAML(alpha=0.05))
    meta_learner.train(4)
    meta_learner.algorithm, meta_learner.beta = MAML(alpha=0.02), 0.003
    before = len(set(calls))
    meta_learner.step()
    assert len(calls) == 3
    assert len(set(calls)) == before == 1
    other = learner(Lines(), tied, MAML(alpha=0.05))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "RECORDED_AFTER", 10_000)
        other.train(4)
        other.algorithm, other.beta = MAML(alpha=0.02), 0.003
        other.step()
    assert torch.equal(other.params["0.weight"], meta_learner.params["0.weight"])
    meta_learner.algorithm = MAML(alpha=0.02, inner_steps=2)
    meta_learner.step()
    assert len(calls) == 3, "another number of inner steps is another kind"


def test_compiled_without_a_change_beyond_rounding(tmp_path: Path) -> None:
    def run(name: Any) -> MetaLearner:
        model = torch.Generator().manual_seed(0)
        return MetaLearner(
            sinusoid_mlp(model, width=8), Sinusoid(shots=5), MAML(), beta=0.01, engine=name
        )

    eager, compiled = run("eager"), run("compiled")
    for one, two in zip(eager.train(20), compiled.train(20), strict=True):
        assert one.loss_after == pytest.approx(two.loss_after, rel=1e-4)
    assert compiled.compiled
    assert not eager.compiled
    # another process, or this one again, need not compile
    compiled.algorithm = MAML(alpha=0.02)
    compiled.step()
    again = run("compiled")
    again.train(20)
    assert torch.equal(again.params["0.weight"], run_to(run("compiled"), 20)["0.weight"])
    # resumed to the last bit, which "auto" cannot promise: its first meta-steps are not compiled
    half, resumed, rest = run("compiled"), run("compiled"), run("auto")
    half.train(9)
    half.save(tmp_path / "half")
    for each in (resumed, rest):
        each.load(tmp_path / "half")
        each.train(11)
    assert torch.equal(again.params["0.weight"], resumed.params["0.weight"])
    assert not torch.equal(again.params["0.weight"], rest.params["0.weight"])
    torch.testing.assert_close(again.params, rest.params, rtol=1e-3, atol=1e-5)
    # eager until it is there, which it is at once now
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "RECORDED_AFTER", 3)
        auto = run("auto")
        auto.train(2)
        assert not auto.compiled
        auto.train(2)
        assert auto.compiled


def run_to(meta_learner: MetaLearner, meta_steps: int) -> dict[str, Tensor]:
    meta_learner.train(meta_steps)
    return meta_learner.params


class Branching(nn.Module):
    """Looks at the value of a constant, which torch.func allows and a recording does not."""

    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x)
        return out if float(self.scale) > 0 else -out


def test_a_module_that_cannot_be_recorded_trains_as_before(
    calls: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "labkit"):
        learner(Lines(), Branching, MAML(alpha=0.05), engine="auto").train(6)
    assert not calls
    said = [record.message for record in caplog.records if record.name == engine.__name__]
    assert len(said) == 1
    assert said[0].startswith("a meta-step cannot be recorded and is computed as before: ")
    with pytest.raises(RuntimeError, match=r"this meta-step cannot be recorded: .*engine='auto'"):
        learner(Lines(), Branching, MAML(alpha=0.05), engine="compiled").step()


def test_wrong_compiled_code_is_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Wrong:
        def __init__(self, recording: Recording, _: list[Tensor]) -> None:
            self._recording = recording

        def poll(self) -> bool:
            return True

        def run(self, leaves: list[Tensor]) -> list[Tensor]:
            *others, losses = self._recording.run(leaves)
            return [*others, losses * 1.01]

        def assemble(self, leaves: list[Tensor]) -> Any:
            return self._recording.assemble(leaves)

    monkeypatch.setattr(compilation, "Compilation", Wrong)
    monkeypatch.setattr(engine, "RECORDED_AFTER", 2)
    meta_learner = learner(Lines(), tied, MAML(alpha=0.05), engine="auto")
    with caplog.at_level(logging.INFO, "labkit"):
        meta_learner.train(4)
    assert not meta_learner.compiled
    assert (
        "cannot be compiled and is computed as before: the compiled function gives" in caplog.text
    )


def test_a_compiler_that_fails_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(RuntimeError, match=r"cannot be compiled: .*engine='auto'"):
        learner(Lines(), tied, MAML(alpha=0.05), engine="compiled").step()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": "fast"}, "engine must be one of 'auto', 'eager', 'compiled', got 'fast'"),
        ({"engine": "auto", "checkpoint": True}, "would store the values that checkpoint=True is"),
    ],
)
def test_bad_engines(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        learner(Lines(), tied, MAML(), **options)


def test_dropout_is_not_compiled() -> None:
    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5), nn.Linear(4, 1))

    with pytest.raises(ValueError, match="draws random numbers in its forward"):
        learner(Lines(), model, MAML(), engine="compiled")
    learner(Lines(), model, MAML(), engine="auto").step()
