"""Recorded operations, compiled to one function by a process of their own and kept on disk."""

import contextlib
import hashlib
import logging
import os
import signal
import subprocess
import sys
import weakref
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, final

import pooch
import torch
from filelock import FileLock
from torch import Tensor
from torch.fx import GraphModule

from labkit._io import write_whole
from labkit.training.engine.recording import Recording
from labkit.version import __version__

FOLDER = "LABKIT_CACHE"
"""Environment variable: where compiled functions are kept."""

logging.getLogger(__name__).addHandler(logging.NullHandler())


@final
class Compilation:
    """The compilation of a recording, which another process does meanwhile.

    What was compiled before, by whichever process, is ready at once.

    Args:
        recording: What to compile.
        leaves: Of arguments such as it will be called with.
    """

    def __init__(self, recording: Recording, leaves: list[Tensor]) -> None:
        self._recording = recording
        leaves = [*leaves, *recording.constants]
        self._path = _kept(recording.graph, leaves)
        self._process: subprocess.Popen[bytes] | None = None
        self._loaded: Any = None
        if not self._path.exists():
            self._begin(leaves)

    def poll(self) -> bool:
        """Whether it is ready, without waiting.

        Raises:
            RuntimeError: It cannot be compiled.
        """
        if self._loaded is not None:
            return True
        if self._process is not None and self._process.poll() is None:
            return False
        if self._process is not None:
            self._check()
        # `torch._inductor.aoti_load_package` does the same after seconds of importing the compiler
        loader = torch._C._aoti.AOTIModelPackageLoader(str(self._path), "model", False, 1, -1)
        self._loaded = loader.boxed_run
        return True

    def wait(self) -> None:
        """Until it is ready.

        Raises:
            RuntimeError: It cannot be compiled.
        """
        if self._process is not None:
            self._process.wait()
        self.poll()

    def run(self, leaves: list[Tensor]) -> list[Tensor]:
        """What the recording gives, but for the last digits."""
        found: list[Tensor] = self._loaded([*leaves, *self._recording.constants])
        return found

    def whole(self, found: list[Tensor]) -> Any:
        """The function's output from its leaves."""
        return self._recording.whole(found)

    def _begin(self, leaves: list[Tensor]) -> None:
        source = self._path.with_suffix(".recorded")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(source, lambda path: torch.save((self._recording.graph, leaves), path))
        self._noise = TemporaryFile()  # noqa: SIM115  # open as long as the process may write
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
            stdout=self._noise,
            stderr=self._noise,
            start_new_session=True,  # the C++ compiler's processes end with it
        )
        weakref.finalize(self, _end, self._process)

    def _check(self) -> None:
        assert self._process is not None  # noqa: S101  # for the type checker
        with self._noise:
            if self._process.returncode == 0:
                return
            self._noise.seek(0)
            lines = self._noise.read().decode(errors="replace").strip().splitlines()
        raise RuntimeError(lines[-1] if lines else f"exit code {self._process.returncode}")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _kept(graph: GraphModule, leaves: list[Tensor]) -> Path:
    """Where the compiled form of these operations on such tensors belongs."""
    seen = hashlib.sha256()
    for leaf in leaves:
        words = (tuple(leaf.shape), leaf.stride(), leaf.dtype, leaf.device)
        seen.update(repr(words).encode())
    machine = (torch.backends.cpu.get_cpu_capability(), torch.get_num_threads())
    seen.update(repr((graph.code, torch.__version__, __version__, machine)).encode())
    folder = Path(os.environ.get(FOLDER) or pooch.os_cache("labkit")) / "compiled"
    return folder / f"{seen.hexdigest()[:32]}.pt2"


def main(source: str, target: str, threads: str) -> None:
    """Compile what is in the first file into the second one."""
    os.nice(10)  # whoever trains meanwhile goes first
    torch.set_num_threads(int(threads))  # the number is part of the compiled loops
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
    with FileLock(f"{target}.lock"):
        if Path(target).exists():
            return
        graph, leaves = torch.load(source, weights_only=False)
        with torch.no_grad():
            program = torch.export.export(graph, tuple(leaves))
        write_whole(
            target,
            lambda path: torch._inductor.aoti_compile_and_package(program, package_path=str(path)),
        )
    Path(source).unlink(missing_ok=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
