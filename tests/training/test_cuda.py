"""The same code on a GPU, where there is one."""

from typing import Any

import pytest
import torch
from torch import Tensor

from labkit import MAML, MetaLearner, Sinusoid, sinusoid_mlp
from labkit.training.engine import engine, programs
from labkit.training.engine.programs import CudaProgram
from labkit.training.engine.recording import Recording
from tests.training.test_updates import Plain

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")


def learner(tasks: Any, **options: Any) -> MetaLearner:
    model = sinusoid_mlp(torch.Generator().manual_seed(0), width=8).to("cuda")
    return MetaLearner(model, tasks, MAML(inner_steps=2), meta_batch=4, **options)


@needs_gpu
@pytest.mark.parametrize("drawn_within", [False, True])
def test_a_graph_gives_what_it_was_captured_from(
    *, drawn_within: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = Sinusoid() if drawn_within else Plain(Sinusoid())
    computed = learner(tasks)
    steps = computed.train(8)
    monkeypatch.setattr(engine, "RECORDED_AFTER", 3)
    captured = learner(tasks)
    assert captured.train(8) == steps
    for name, tensor in computed.params.items():
        assert torch.equal(tensor, captured.params[name])


@needs_gpu
def test_what_a_graph_gives_stays_as_it_is() -> None:
    program = CudaProgram(lambda x: [2 * x], [torch.zeros(3, device="cuda")])
    (first,) = program(torch.ones(3, device="cuda"))
    program(torch.full((3,), 5.0, device="cuda"))
    assert first.tolist() == [2, 2, 2]


def test_only_what_is_all_on_a_gpu_is_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused:
        def __init__(self, *_: object) -> None:
            raise AssertionError("captured on the CPU")

    monkeypatch.setattr(programs, "CudaProgram", Refused)
    x: Tensor = torch.arange(3.0)
    assert torch.equal(Recording(torch.sin, (x,))(x), x.sin())
