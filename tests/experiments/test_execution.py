"""How the process of a run tells that its kernel has died."""

import asyncio
from typing import Any

import pytest

from labkit.experiments.kernels.execution import _cause, noting_exit_code


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
