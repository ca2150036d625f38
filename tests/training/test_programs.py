"""Torch's interpreter in place of Python: the same bits, without Python's lock, nothing left."""

import gc
import logging
import threading
import time

import pytest
import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.fx import Graph, GraphModule, Interpreter
from torch.nn.functional import batch_norm, conv2d, layer_norm

from labkit.training.engine import programs
from labkit.training.engine.recording import Recording
from labkit.training.engine.torch_trace import ScriptProgram


def many_products(a: Tensor, b: Tensor) -> list[Tensor]:
    """Small products side by side, which the interpreter would otherwise make one of."""
    return [sum((a @ (b + k) for k in range(12)), a), (a * b).sum(0).exp()]


def test_bit_for_bit_call_after_call() -> None:
    one, two = torch.randn(2, 7, 7, generator=torch.Generator().manual_seed(0))
    program = ScriptProgram(many_products, [torch.zeros(7, 7), torch.ones(7, 7)])
    for scale in (1.0, 1e-30, 1e30, 3.0):
        for left, right in zip(
            program(scale * one, two), many_products(scale * one, two), strict=True
        ):
            assert torch.equal(left.view(torch.int32), right.view(torch.int32))


def test_other_threads_run_meanwhile_and_nothing_stays_changed() -> None:
    def long(x: Tensor) -> list[Tensor]:
        for _ in range(400):
            x = x.sin()
        return [x]

    x = torch.zeros(200_000)
    before = torch._C._get_graph_executor_optimize()
    program = ScriptProgram(long, [x])
    began, ended = threading.Event(), threading.Event()

    def run() -> None:
        began.set()
        program(x)
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    began.wait()
    turns = 0
    while not ended.is_set():  # would see only the end of it if it waited for the lock
        turns += 1
        time.sleep(0)
    thread.join()
    assert turns > 100
    assert torch._C._get_graph_executor_optimize() is before


def test_an_error_leaves_the_thread_as_it_was() -> None:
    before = torch._C._get_graph_executor_optimize()
    program = ScriptProgram(lambda x: [x @ x], [torch.eye(2)])
    with pytest.raises(RuntimeError):
        program(torch.ones(2, 3))
    assert torch._C._get_graph_executor_optimize() is before


@pytest.mark.parametrize("wrong", ["numbers", "nothing"])
def test_python_does_what_the_interpreter_cannot(
    wrong: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Wrong:
        def __init__(self, *_: object) -> None:
            if wrong == "nothing":
                raise RuntimeError("no such operation\nand more")

        def __call__(self, x: Tensor) -> list[Tensor]:
            return [x.sin() + 1e-7]

    monkeypatch.setattr(programs, "ScriptProgram", Wrong)
    with caplog.at_level(logging.INFO, "labkit"):
        recorded = Recording(torch.sin, (torch.ones(3),))
    x = torch.arange(3.0)
    assert torch.equal(recorded(x), x.sin())
    assert len(caplog.records) == 1
    assert caplog.records[0].message.startswith("torch's interpreter ")


def test_a_recording_is_a_program() -> None:
    recorded = Recording(torch.sin, (torch.tensor([torch.nan, 1.0]),))
    assert isinstance(recorded._program, ScriptProgram)


def test_neither_convolutions_nor_norms_and_their_second_derivatives_need_python() -> None:
    def loss(weights: tuple[Tensor, Tensor], x: Tensor) -> Tensor:
        outer, inner = weights
        hidden = batch_norm(conv2d(x, inner, padding=1), None, None, training=True).relu()
        hidden = layer_norm(conv2d(hidden, outer, stride=2), (1, 1))
        return (hidden.flatten(1) * x.flatten(1)[:, :2]).square().sum()

    def curvature(weights: tuple[Tensor, Tensor], x: Tensor) -> Tensor:
        outer, inner = grad(loss)(weights, x)
        squares: Tensor = outer.square().sum() + inner.square().sum()
        return squares

    generator = torch.Generator().manual_seed(0)
    outer = torch.randn(4, 2, 2, 3, 3, generator=generator)  # (tasks, outputs, inputs, 3, 3)
    inner = torch.randn(4, 2, 1, 3, 3, generator=generator)
    x = torch.randn(4, 5, 1, 3, 3, generator=generator)
    function = vmap(grad(curvature))
    recorded = Recording(function, ((outer, inner), x))
    assert isinstance(recorded._program, ScriptProgram)
    # a function that it called would be gone by now, and the process with it
    gc.collect()
    assert "CallFunction" not in str(recorded._program.graph)
    other = torch.randn(4, 5, 1, 3, 3, generator=generator)
    for left, right in zip(
        *(each((outer, inner), other) for each in (recorded, function)), strict=True
    ):
        assert torch.equal(left, right)


def test_the_time_to_trace_grows_with_the_operations_alone() -> None:
    graph = Graph()
    x = graph.placeholder("x")
    for _ in range(8000):
        x = graph.call_function(torch.ops.aten.neg.default, (x,))
    graph.output([x])
    start = time.process_time()
    Interpreter(GraphModule({}, graph)).run(torch.ones(1))
    alone = time.process_time() - start
    program = programs.program_of(graph, [torch.ones(1)])
    traced = time.process_time() - start - alone
    assert isinstance(program, ScriptProgram)
    assert traced < 20 * alone  # 60 times where the tracer looks for lines in one long function
