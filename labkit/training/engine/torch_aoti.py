"""The one door to torch's ahead-of-time compiler.

Checked by `tests/training/test_torch_contracts.py` and, with compiled code, by `test_recording.py`;
the cap on torch in `pyproject.toml` says which version was tried last.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule

from labkit.training.engine.fallback import private_interface


def check_loader() -> None:
    """Raise TorchInterfaceError unless torch can load compiled packages."""
    with private_interface("torch._C._aoti.AOTIModelPackageLoader"):
        _ = torch._C._aoti.AOTIModelPackageLoader


def load(path: Path) -> Callable[[list[Tensor]], list[Tensor]]:
    """Load a package that `compile_to` has written.

    Args:
        path: Of the package.

    Returns:
        From tensors to tensors; it consumes the list of its arguments.

    Raises:
        TorchInterfaceError: torch's loader is not the one that we know.
        RuntimeError: The package cannot be loaded.
    """
    # `torch._inductor.aoti_load_package` does the same after seconds of importing the compiler
    with private_interface("torch._C._aoti.AOTIModelPackageLoader"):
        loader: Any = torch._C._aoti.AOTIModelPackageLoader(str(path), "model", False, 1, -1)
        run: Callable[[list[Tensor]], list[Tensor]] = loader.boxed_run
    return run


def compile_to(path: Path, graph: GraphModule, arguments: list[Tensor]) -> None:
    """Compile operations to one function of machine code.

    Args:
        path: Of the package to write.
        graph: From tensors to tensors.
        arguments: Tensors such as it will be called with.

    Raises:
        TorchInterfaceError: torch's compiler is not the one that we know.
        RuntimeError: It cannot compile these operations.
    """
    with private_interface("torch._inductor.aoti_compile_and_package"):
        compiler = torch._inductor.aoti_compile_and_package

    def compile_once() -> None:
        with torch.no_grad():
            program = torch.export.export(graph, tuple(arguments))
        compiler(program, package_path=str(path))

    try:
        # imported here: it loads the compiler, which who only loads packages does without
        from labkit.training.engine.torch_products import small_products  # noqa: PLC0415

        with small_products():
            compile_once()
    except Exception:  # noqa: BLE001  # whatever torch has changed, it can compile without them
        compile_once()
