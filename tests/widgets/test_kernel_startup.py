"""What a kernel has done before its first request, if PYTHONSTARTUP says so."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from labkit.cli.lab import SURROUNDINGS
from tests.widgets.real_kernel import evaluated, started

pytestmark = pytest.mark.kernel


@pytest.fixture
def client() -> Iterator[Any]:
    with started(env={**os.environ, **SURROUNDINGS}) as client:
        yield client


def test_a_kernel_has_the_lab_and_all_for_a_derivative_and_no_name_of_them(client: Any) -> None:
    loaded = "sorted({'labkit.widgets.lab', 'torch._dynamo'} & {*__import__('sys').modules})"
    assert evaluated(client, loaded) == ["labkit.widgets.lab", "torch._dynamo"]
    names = "[name for name in globals() if name in ('sys', 'torch', 'labkit', 'find_spec')]"
    assert evaluated(client, names) == []


def test_python_in_a_terminal_does_not_wait_for_it() -> None:
    process = subprocess.run(
        [sys.executable, "-i"],
        input="print('torch' in __import__('sys').modules, 'sys' in globals())\n",
        env={**os.environ, **SURROUNDINGS},
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.strip() == "False False"


def test_a_kernel_of_an_environment_without_labkit_starts_as_ever() -> None:
    script = "import sys; sys.modules['ipykernel'] = sys; exec(open(sys.argv[1]).read())"
    command = [sys.executable, "-I", "-S", "-c", script, SURROUNDINGS["PYTHONSTARTUP"]]
    subprocess.run(command, check=True)
