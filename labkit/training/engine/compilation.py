"""Recorded operations, compiled to one function by another process and cached on disk."""

import contextlib
import hashlib
import logging
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, final

import pooch
import torch
from filelock import FileLock
from torch import Tensor
from torch.fx import GraphModule

from labkit._io import atomic_write
from labkit.training.engine import torch_aoti
from labkit.training.engine.fallback import TorchInterfaceError
from labkit.training.engine.recording import Recording
from labkit.version import __version__

FOLDER = "LABKIT_CACHE"
"""Environment variable with the folder of compiled functions."""

INTERFACE_GONE = 3
"""Exit code of the compiling process where torch lacks the compiler that we know."""

logging.getLogger(__name__).addHandler(logging.NullHandler())


@final
class Compilation:
    """The compilation of a recording, in another process meanwhile.

    A function that any process has compiled before is ready at once.

    Args:
        recording: What to compile.
        leaves: Of arguments such as it will be called with.

    Raises:
        TorchInterfaceError: torch cannot load compiled functions in the way that we know.
    """

    def __init__(self, recording: Recording, leaves: list[Tensor]) -> None:
        torch_aoti.check_loader()
        self._recording = recording
        leaves = [*leaves, *recording.constants]
        self._path = _cache_path(recording.graph, leaves)
        self._process: subprocess.Popen[bytes] | None = None
        self._function: Callable[[list[Tensor]], list[Tensor]] | None = None
        if not self._path.exists():
            self._begin(leaves)

    def poll(self) -> bool:
        """Whether it is ready, without waiting.

        Raises:
            RuntimeError: torch cannot compile it.
        """
        if self._function is not None:
            return True
        if self._process is not None and self._process.poll() is None:
            return False
        if self._process is not None:
            self._check()
        self._function = torch_aoti.load(self._path)
        return True

    def wait(self) -> None:
        """Wait until it is ready.

        Raises:
            RuntimeError: torch cannot compile it.
        """
        if self._process is not None:
            self._process.wait()
        self.poll()

    def run(self, leaves: list[Tensor]) -> list[Tensor]:
        """The outputs of the recording, up to rounding; only once it is ready."""
        assert self._function is not None  # noqa: S101  # for the type checker
        return self._function([*leaves, *self._recording.constants])

    def assemble(self, leaves: list[Tensor]) -> Any:
        """The function's output from its leaves."""
        return self._recording.assemble(leaves)

    def _begin(self, leaves: list[Tensor]) -> None:
        source = self._path.with_suffix(".recorded")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(source, lambda path: torch.save((self._recording.graph, leaves), path))
        self._log = TemporaryFile()  # noqa: SIM115  # open as long as the process may write
        self._process = subprocess.Popen(  # noqa: S603  # our own module
            [
                sys.executable,
                "-P",
                "-m",
                __name__,
                source,
                self._path,
                str(torch.get_num_threads()),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,  # the C++ compiler's processes end with it
        )
        weakref.finalize(self, _end, self._process)

    def _check(self) -> None:
        assert self._process is not None  # noqa: S101  # for the type checker
        with self._log:
            if self._process.returncode == 0:
                return
            self._log.seek(0)
            lines = self._log.read().decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"exit code {self._process.returncode}"
        if self._process.returncode == INTERFACE_GONE:
            raise TorchInterfaceError("torch._inductor.aoti_compile_and_package", reason)
        raise RuntimeError(reason)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _cache_path(graph: GraphModule, leaves: list[Tensor]) -> Path:
    """The file of the compiled form of these operations on such tensors."""
    digest = hashlib.sha256()
    for leaf in leaves:
        form = (tuple(leaf.shape), leaf.stride(), leaf.dtype, leaf.device)
        digest.update(repr(form).encode())
    machine = (torch.backends.cpu.get_cpu_capability(), torch.get_num_threads())
    digest.update(repr((graph.code, torch.__version__, __version__, machine)).encode())
    folder = Path(os.environ.get(FOLDER) or pooch.os_cache("labkit")) / "compiled"
    return folder / f"{digest.hexdigest()[:32]}.pt2"


def main(source: str, target: str, threads: str) -> None:
    """Compile the operations in the file `source` to the file `target`."""
    os.nice(10)  # the training meanwhile goes first
    torch.set_num_threads(int(threads))  # the number is part of the compiled loops
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
    with FileLock(f"{target}.lock"):
        if Path(target).exists():
            return
        graph, leaves = torch.load(source, weights_only=False)
        atomic_write(target, lambda path: torch_aoti.compile_to(path, graph, leaves))
    Path(source).unlink(missing_ok=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except TorchInterfaceError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(INTERFACE_GONE)
