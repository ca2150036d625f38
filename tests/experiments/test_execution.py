"""How the process of a run tells that its kernel has died."""

import asyncio
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from labkit.experiments.kernels import protocol
from labkit.experiments.kernels.execution import _cause, noting_exit_code
from labkit.experiments.kernels.protocol import StopSwitch, run_and_wait

NOBODY = 2**22 + 1
"""More than any process id."""


class Provisioner:
    async def poll(self) -> int:
        return -9


class Manager:
    """What of a kernel manager is asked."""

    def __init__(self, *, alive: bool, provisioner: Provisioner | None) -> None:
        self.alive, self.provisioner = alive, provisioner

    async def _async_is_alive(self) -> bool:
        return self.alive


@pytest.mark.parametrize(
    ("alive", "provisioner", "noted"),
    [(True, Provisioner(), []), (False, Provisioner(), [-9]), (False, None, [])],
)
def test_the_exit_code_is_noted_while_there_is_one(
    alive: bool,
    provisioner: Provisioner | None,
    noted: list[int],
) -> None:
    ends: list[int] = []
    kind: Any = noting_exit_code(Manager, ends)  # type: ignore[arg-type]
    manager = kind(alive=alive, provisioner=provisioner)
    assert asyncio.run(manager.is_alive()) is alive
    assert ends == noted


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ([], "without an exit code"),
        ([3], "with exit code 3"),
        ([-9], "by signal 9 (SIGKILL): the memory may not have sufficed"),
        ([-11], "by signal 11 (SIGSEGV)"),
    ],
)
def test_how_a_kernel_ended_in_words(ends: list[int], words: str) -> None:
    assert _cause(ends) == words


def test_what_a_process_imports_is_not_the_time_of_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = {"output": "", "progress": str(tmp_path / "progress.json")}

    def exchange(*replies: tuple[float, dict[str, object]]) -> str | None:
        ours, theirs = socket.socketpair()

        def answer() -> None:
            with theirs, suppress(OSError):  # nobody may hear it any more
                theirs.recv(4096)
                for seconds, reply in replies:
                    time.sleep(seconds)
                    theirs.sendall(json.dumps(reply).encode() + b"\n")

        with ThreadPoolExecutor(1) as threads:
            threads.submit(answer)
            return run_and_wait(ours, request, timeout=0.2, progress=None, switch=StopSwitch())

    process: dict[str, object] = {"process": NOBODY}
    assert exchange((0.5, process), (0.0, {"error": None})) is None
    assert exchange((0.0, process), (0.5, {"error": None})) == "TimeoutError: not done after 0.2 s"
    assert json.loads((tmp_path / "progress.json").read_text())["phase"] == "starting"
    monkeypatch.setattr(protocol, "START_SECONDS", 0.1)
    words = "TimeoutError: its process has not started within 0.1 s"
    assert exchange((0.5, process)) == words
    assert json.loads((tmp_path / "progress.json").read_text())["phase"] == "importing"
