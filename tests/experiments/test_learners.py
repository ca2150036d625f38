"""The trained learner of a run: kept as it is, loaded as it was, and never by guessing."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from labkit import (
    ANIL,
    MAML,
    CosineDecay,
    Emoji,
    FunctionTasks,
    LearnedAlpha,
    MetaLearner,
    MetaSGD,
    MiniBatches,
    Momentum,
    Settings,
    Sinusoid,
    Tides,
    WarmUp,
    conv4,
    load_learner,
    sinusoid_mlp,
)
from labkit.experiments.runs.expressions import expression_of, value_of_expression
from labkit.experiments.runs.learners import ALPHA, write_learner
from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.run_folder import LEARNER, RunFolder
from labkit.experiments.runs.runner import record_run
from tests.experiments.run_folders import done_run
from tests.experiments.tiny_notebook import tiny_notebook
from tests.session.small_sessions import SMALL, small_session, tiny


def kept(learner: MetaLearner, folder: Path) -> Path:
    write_learner(learner, folder / LEARNER)
    return folder


def lslr() -> MetaLearner:
    alpha = LearnedAlpha(0.02, granularity="tensor", per_step=True, positive=False)
    algorithm = MAML(alpha, inner_steps=2, first_order_until=1, loss_weights=[0.5, 0.5])
    tasks = MiniBatches(Sinusoid(shots=4), size=2)
    beta = WarmUp(CosineDecay(0.01, meta_steps=9), meta_steps=3)
    learner = MetaLearner(tiny, tasks, algorithm, beta=beta, meta_batch=2, meta_clip=1.0, seed=3)
    learner.train(2)
    return learner


def session_with(**values: Any) -> MetaLearner:
    session = small_session(SMALL.changed(**values))
    session.run(2)
    return session.learner()


LEARNERS: dict[str, Callable[[], MetaLearner]] = {
    "maml": session_with,
    "learned": partial(session_with, alpha_learned="element", inner_steps=2),
    "anil": partial(session_with, algorithm="anil", alpha_learned="scalar"),
    "per step": lslr,
}


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_is_loaded_as_it_was(name: str, tmp_path: Path) -> None:
    learner = LEARNERS[name]()
    loaded = load_learner(kept(learner, tmp_path))
    assert loaded.meta_step == learner.meta_step
    assert loaded.tasks == learner.tasks
    assert loaded.algorithm == learner.algorithm
    assert loaded.options == learner.options
    curves = [each.adaptation_curve(3, tasks=4).mean for each in (learner, loaded)]
    torch.testing.assert_close(*curves, rtol=1e-6, atol=0)
    torch.testing.assert_close(loaded.alpha, learner.alpha, rtol=1e-6, atol=0)
    assert all(torch.equal(p, loaded.params[n]) for n, p in learner.params.items())
    loaded.step()


def test_a_session_gives_a_learner_that_takes_its_next_meta_step() -> None:
    session = small_session(SMALL.changed(meta_optimizer="sgd", alpha_learned="tensor"))
    session.run(3)
    learner = session.learner()
    session.run(4)
    learner.step()
    params = session.snapshot().params
    for name, tensor in learner.params.items():
        torch.testing.assert_close(tensor, params[name], rtol=1e-9, atol=1e-12)


def test_the_tensors_are_those_of_the_module(tmp_path: Path) -> None:
    learner = session_with(alpha_learned="scalar")
    tensors = load_file(kept(learner, tmp_path) / LEARNER)
    torch.testing.assert_close(tensors.pop(ALPHA), learner.alpha)
    module = tiny(torch.Generator()).double()
    module.load_state_dict(tensors)
    x = torch.linspace(-1, 1, 5, dtype=torch.float64).unsqueeze(-1)
    assert torch.equal(module(x), learner.predictor(learner.params)(x))


class Net(torch.nn.Linear):
    """A model of somebody's own."""


MOMENTUM = partial(torch.optim.SGD, momentum=0.9)


def net(inputs: int) -> Net:
    with torch.random.fork_rng():
        return Net(inputs, 1)


def custom_learner() -> MetaLearner:
    def identities(tasks: int, points: int, generator: torch.Generator) -> Any:
        return (torch.rand(tasks, points, 1, generator=generator),) * 2

    tasks = FunctionTasks(identities)
    return MetaLearner(net(1), tasks, MAML(), meta_batch=2, meta_optimizer=MOMENTUM)


def test_custom_parts_are_named_and_must_be_given(tmp_path: Path) -> None:
    learner = custom_learner()
    folder = kept(learner, tmp_path)
    with pytest.raises(ValueError, match=r"model \(Net\), tasks \(FunctionTasks\), meta_optimizer"):
        load_learner(folder)
    loaded = load_learner(folder, model=net(1), tasks=learner.tasks, meta_optimizer=MOMENTUM)
    assert all(torch.equal(p, loaded.params[n]) for n, p in learner.params.items())
    other = torch.nn.Sequential(net(1))
    with pytest.raises(ValueError, match=r"learner\.safetensors belongs to another model"):
        load_learner(folder, model=other, tasks=learner.tasks, meta_optimizer="adam")


def test_buffers_that_grow_with_training_are_kept(tmp_path: Path) -> None:
    def normalised(generator: torch.Generator) -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.BatchNorm1d(1), sinusoid_mlp(generator, width=4))

    algorithm = MAML(inner_steps=2)
    learner = MetaLearner(
        normalised, Sinusoid(shots=3), algorithm, meta_batch=2, batch_norm="per_step"
    )
    learner.train(2)
    loaded = load_learner(kept(learner, tmp_path), model=normalised)
    curves = [each.adaptation_curve(3, tasks=4).mean for each in (learner, loaded)]
    assert torch.equal(*curves)


def test_what_is_missing_or_damaged_is_said(tmp_path: Path) -> None:
    folder = done_run(tmp_path / "run", 1.0)
    with pytest.raises(FileNotFoundError, match=r"has no learner\.safetensors: give the folder of"):
        load_learner(folder.path)
    kept(session_with(), folder.path)
    with pytest.raises(ValueError, match="not the file that the run wrote: repeat the run"):
        load_learner(folder.path)
    status = folder.status
    assert status is not None
    folder.seal(status)
    assert load_learner(folder.path).meta_step == 2
    (tmp_path / LEARNER).write_bytes(b"0123456789")
    with pytest.raises(ValueError, match=r"is damaged .*: repeat the run"):
        load_learner(tmp_path)
    save_file({"w": torch.zeros(1)}, tmp_path / LEARNER)
    with pytest.raises(ValueError, match="has format None, and this labkit reads '1'"):
        load_learner(tmp_path)


@pytest.mark.parametrize("error", [None, "RuntimeError: as asked"])
def test_only_a_run_that_is_done_keeps_its_learner(tmp_path: Path, error: str | None) -> None:
    plan = Plan.of(tiny_notebook(tmp_path), {})

    def execute(request: dict[str, Any]) -> str | None:
        Path(request["output"]).write_bytes(plan.notebook.path.read_bytes())
        Path(request["learner"]).write_bytes(b"tensors")
        return error

    status = record_run(plan, tmp_path / "run", execute)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert (LEARNER in names) == (error is None) == (LEARNER in status.files)
    assert f".{LEARNER}" not in names
    RunFolder(tmp_path / "run").begin(status, {})
    assert not (tmp_path / "run" / LEARNER).exists()


VALUES = [
    None,
    [True, -1.5, "it's"],
    (1,),
    {"0.weight": 0.1, "*": [0, ()]},
    Tides(shots=3, hours=12.0, split="test"),
    MiniBatches(Sinusoid(phase=(0.0, 1.0)), size=2),
    MetaSGD(0.05, freeze=["1.*"]),
    MAML(0.1, inner_optimizer=Momentum(0.5)),
    ANIL(head="2.*", alpha=LearnedAlpha(0.1)),
    WarmUp(CosineDecay(0.1, 5), 2),
    sinusoid_mlp,
]


def without_address(value: object) -> str:
    """The same in each process, as pytest-xdist needs it."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


@pytest.mark.parametrize("value", VALUES, ids=without_address)
def test_expressions_are_read_as_what_they_were(value: object) -> None:
    assert value_of_expression(expression_of(value)) == value


def test_a_partial_of_a_model_is_read_as_one() -> None:
    read = value_of_expression(expression_of(partial(conv4, ways=5, channels=3)))
    assert (read.func, read.keywords) == (conv4, {"ways": 5, "channels": 3})


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(1),
        float("nan"),
        Settings(),
        [print],
        partial(sinusoid_mlp, torch.Generator()),
        MAML({"w": torch.tensor(0.5)}),
        Emoji(augment=lambda images, _: images),
    ],
    ids=without_address,
)
def test_what_is_not_labkits_is_custom(value: object) -> None:
    assert expression_of(value) == "custom"


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').getcwd()",
        "print(1)",
        "MAML(0.1)",
        "MAML(alpha=open('x'))",
        "MAML(alpha='x')",
        "[x for x in (1,)]",
        "(",
        "custom",
    ],
)
def test_expressions_evaluate_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="names nothing of this labkit"):
        value_of_expression(text)
