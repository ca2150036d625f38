"""What labkit needs of torch's private parts, and that training continues where they are gone.

When one of these tests fails, torch has changed: mend its adapter in `labkit/training/engine`
(`torch_trace.py`, `torch_aoti.py` or `torch_products.py`), or cap torch in `pyproject.toml` and
`environment.yml`.
"""

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from labkit import MAML, MetaLearner, MetaStep, Sinusoid, sinusoid_mlp
from labkit.training.engine import (
    EngineFallbackWarning,
    compilation,
    engine,
    fallback,
    torch_aoti,
    torch_trace,
)

VERSION = f"torch {torch.__version__}"


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "RECORDED_AFTER", 3)
    monkeypatch.setattr(fallback, "_WARNED", set())
    monkeypatch.setenv(compilation.FOLDER, str(tmp_path / "cache"))


def test_the_tracer_and_the_interpreter() -> None:
    program = torch_trace.ScriptProgram(lambda x, y: [x @ y, x + 1], [torch.zeros(2, 2)] * 2)
    kinds = [node.kind() for node in program.graph.nodes() if node.kind().startswith("aten::")]
    assert kinds == ["aten::matmul", "aten::add"], f"{VERSION} traces other operations"
    x, y = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.eye(2)
    product, added = program(x, y)
    assert torch.equal(product, x), f"{VERSION} computes other numbers than it has traced"
    assert torch.equal(added, x + 1), f"{VERSION} computes other numbers than it has traced"


def test_the_interpreters_optimiser_is_a_switch_of_the_thread() -> None:
    before = torch._C._get_graph_executor_optimize()
    try:
        for value in (False, True):
            torch._C._set_graph_executor_optimize(value)
            assert torch._C._get_graph_executor_optimize() is value, f"{VERSION} ignores the switch"
    finally:
        torch._C._set_graph_executor_optimize(before)


def test_the_dispatcher_shows_every_operation() -> None:
    seen: list[Any] = []

    class Watch(torch_trace.TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(
            self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            seen.append(operation)
            return operation(*args, **(kwargs or {}))

    x = torch.ones(2)
    with Watch():  # type: ignore[no-untyped-call]
        x.sin().add_(1)
    names = [torch_trace.qualified_name(operation) for operation in seen]
    assert names == ["aten.sin", "aten.add_"], f"{VERSION} dispatches other operations"
    mutable = [torch_trace.is_mutable(operation) for operation in seen]
    assert mutable == [False, True], f"{VERSION} describes operations otherwise"


def test_nodes_are_found_by_the_identity_of_a_tensor() -> None:
    table = torch_trace.WeakIdKeyDictionary()
    one, other = torch.ones(1), torch.ones(1)
    table[one] = "one"
    entries = [table.get(each) for each in (one, other)]  # type: ignore[no-untyped-call]
    assert entries == ["one", None], f"{VERSION} compares the keys of its table otherwise"


@pytest.mark.parametrize("together", [True, False])
def test_copies_into_many_tensors(together: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not together:
        monkeypatch.delattr(torch, "_foreach_copy_")
    targets = [torch.zeros(2), torch.zeros(3)]
    torch_trace.copy_all(targets, [torch.ones(2), torch.full((3,), 2.0)])
    assert [target.tolist() for target in targets] == [[1.0] * 2, [2.0] * 3], VERSION


def test_the_loader_of_compiled_code() -> None:
    """What it loads, and the compiler: `test_recording.py::test_compiled_against_numpy`."""
    torch_aoti.check_loader()


def test_batch_norm_is_recognised_by_its_base_class() -> None:
    # torch has no public name for what its batch norms, and its instance norms, have in common
    for norm in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d):
        assert issubclass(norm, _BatchNorm), VERSION
        assert not issubclass(norm, _InstanceNorm), VERSION
    assert issubclass(nn.InstanceNorm2d, _InstanceNorm), VERSION


def no_tracer(patch: pytest.MonkeyPatch) -> None:
    patch.delattr(torch._C, "_create_function_from_trace")


def other_tracer(patch: pytest.MonkeyPatch) -> None:
    def trace(function: Any) -> Any:  # fewer arguments than before
        return function

    patch.setattr(torch._C, "_create_function_from_trace", trace)


def no_switch(patch: pytest.MonkeyPatch) -> None:
    patch.delattr(torch._C, "_set_graph_executor_optimize")


def no_dispatch_module(patch: pytest.MonkeyPatch) -> None:
    for name in ("compilation", "recording", "programs", "passes", "tracing", "torch_trace"):
        patch.delitem(sys.modules, f"labkit.training.engine.{name}", raising=False)
    patch.setitem(sys.modules, "torch.utils._python_dispatch", None)


def other_dispatch_mode(patch: pytest.MonkeyPatch) -> None:
    patch.delattr(torch_trace.TorchDispatchMode, "__enter__")


def no_loader(patch: pytest.MonkeyPatch) -> None:
    patch.delattr(torch._C, "_aoti")


CHANGES: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {
    "no tracer": (no_tracer, "eager"),
    "another tracer": (other_tracer, "eager"),
    "no switch": (no_switch, "eager"),
    "no dispatcher": (no_dispatch_module, "eager"),
    "another dispatcher": (other_dispatch_mode, "eager"),
    "no loader": (no_loader, "auto"),
}


def trained(name: Any, meta_steps: int = 8) -> list[MetaStep]:
    learner = MetaLearner(sinusoid_mlp, Sinusoid(), MAML(), meta_batch=4, engine=name)
    return learner.train(meta_steps)


@pytest.mark.parametrize("change", CHANGES)
def test_training_continues_without_an_interface_and_says_so_once(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = trained("eager")
    break_torch, name = CHANGES[change]
    break_torch(monkeypatch)
    words = rf"^{VERSION.replace('+', '.')} has changed torch.*continues with the same numbers"
    with pytest.warns(EngineFallbackWarning, match=words) as warned:
        assert trained(name) == expected
    assert len(warned) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert trained(name) == expected


def test_compiled_code_that_was_asked_for_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    no_loader(monkeypatch)
    words = rf"cannot be compiled: {VERSION.replace('+', '.')} has changed .*engine='auto'"
    with pytest.raises(RuntimeError, match=words):
        trained("compiled", 1)


def test_a_compiling_process_that_lacks_the_compiler_is_recognised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = "import sys; sys.stderr.write('no such name\\n'); sys.exit(3)"
    popen = subprocess.Popen

    def other(_: Any, **options: Any) -> Any:
        return popen([sys.executable, "-c", script], **options)

    monkeypatch.setattr(subprocess, "Popen", other)
    with pytest.raises(RuntimeError, match=rf"{VERSION.replace('+', '.')} has changed .*no such"):
        trained("compiled", 1)
