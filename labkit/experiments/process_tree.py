"""The end of a process with all that it has started."""

import contextlib

import psutil


def end_with_children(process_id: int) -> None:
    """Kill a process and its descendants, kernels in sessions of their own among them."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(process_id)
        if process_id != psutil.Process().pid:
            process.suspend()  # it starts no others meanwhile
        for other in (*process.children(recursive=True), process):
            with contextlib.suppress(psutil.NoSuchProcess):
                other.kill()
