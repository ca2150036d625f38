"""End a process together with all that it has started. A kernel imports this before all else."""

import contextlib
import ctypes
import os
import signal

import psutil

_SET_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG in prctl.h."""


def end_with_children(process_id: int) -> None:
    """Kill a process and its descendants, including kernels in their own sessions."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(process_id)
        if process_id != psutil.Process().pid:
            process.suspend()  # it starts no others meanwhile
        for other in (*process.children(recursive=True), process):
            with contextlib.suppress(psutil.NoSuchProcess):
                other.kill()


def end_with_parent(parent: int) -> None:
    """Have the system kill this process when its parent ends, however busy it is. Linux only.

    Args:
        parent: Its process id, as the parent itself sees it. The thread that forked this process
            must live as long as the parent, such as its only one: the end of that thread counts.
    """
    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended before
        os._exit(0)
