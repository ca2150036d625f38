"""A separate kernel, as a notebook has it."""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jupyter_client.manager import start_new_kernel


@contextmanager
def started(**options: Any) -> Iterator[Any]:
    """A client of a kernel that ends with it; options as for the kernel's start."""
    manager, client = start_new_kernel(kernel_name="python3", **options)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def evaluated(client: Any, expression: str) -> Any:
    """The value of an expression in the kernel, of plain types."""
    reply = client.execute_interactive(
        "", silent=True, user_expressions={"value": expression}, timeout=60
    )
    return ast.literal_eval(reply["content"]["user_expressions"]["value"]["data"]["text/plain"])
