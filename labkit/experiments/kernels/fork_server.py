"""The process from which warm runs are forked: it imports what they need, and computes nothing.

A fork copies one thread, so nothing here may start threads: no tensor is computed, and no ZeroMQ
socket is opened. Importing starts threads of OpenBLAS and of pyarrow's jemalloc; these libraries
prepare them for forks themselves. The parent sends the socket of each client over the control
socket.

`multiprocessing` has a fork server that is as fast (`python -m benchmarks.runs` measures both), but
a worker of Dask is a daemonic process, which `multiprocessing` allows no children; there is one
server a process, which cannot be ended with the sweep.
"""

import os
import select
import signal
import socket
import sys
from typing import NoReturn

import numpy as np

from labkit.experiments.kernels.execution import execute
from labkit.experiments.kernels.imports import import_everything
from labkit.experiments.kernels.preforked_kernel import PreforkedKernel, kernel_manager


def main() -> None:
    """Fork a process for each socket that arrives, until the parent disconnects."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for _ in import_everything():
        if _is_abandoned(control):
            return
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the runs here
    while True:
        _, sockets, _, _ = socket.recv_fds(control, 1, 1)
        if not sockets:
            return
        connection = socket.socket(fileno=sockets[0])
        if os.fork() == 0:
            control.close()
            _run(connection)
        connection.close()


def _is_abandoned(control: socket.socket) -> bool:
    """Whether the parent has disconnected."""
    watch = select.poll()
    watch.register(control, 0)  # nothing but its end
    return bool(watch.poll(0))


def _run(connection: socket.socket) -> NoReturn:
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        np.random.seed()  # as in a new process; otherwise all runs share numpy's state
        execute(connection, kernel_manager_class=kernel_manager(PreforkedKernel(connection)))
    finally:  # never back into the loop above
        os._exit(0)


if __name__ == "__main__":
    main()
