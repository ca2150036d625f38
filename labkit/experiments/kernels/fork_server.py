"""The process from which warm runs are forked: it imports what they need, and computes nothing.

A fork copies one thread. So nothing here may start threads: no tensor is computed with, no socket
of ZeroMQ opened. The threads of OpenBLAS and of pyarrow's jemalloc, which importing starts, are
made fit for forks by these libraries themselves. Through its socket it is sent the sockets of
those who want a run.
"""

import gc
import importlib
import os
import select
import signal
import socket
import sys
from typing import NoReturn

import numpy as np
import plotly.graph_objects as go

import labkit
from labkit.experiments.kernels.execution import execute
from labkit.experiments.kernels.forked_kernel import Seat, manager_of

LATER = ("torch._dynamo", "torch.optim")
"""Imported by torch at first use."""


def main() -> None:
    """Fork a process for each socket that comes, until whoever sends them has gone."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for name in LATER:
        importlib.import_module(name)
    for name in dir(labkit):  # all that is public, imported at first use
        if _alone(control):
            return
        getattr(labkit, name)
    go.Figure(go.Scatter(x=[0], y=[0])).to_html()  # plotly, too, imports much at first use
    gc.collect()
    gc.freeze()  # what is imported is never collected, and its memory stays shared
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


def _alone(control: socket.socket) -> bool:
    """Whether the other end has gone."""
    watch = select.poll()
    watch.register(control, 0)  # nothing but its end
    return bool(watch.poll(0))


def _run(connection: socket.socket) -> NoReturn:
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        np.random.seed()  # as in a new process; without it all runs share numpy's state
        execute(connection, kernel_manager_class=manager_of(Seat(connection)))
    finally:  # never back into the loop above
        os._exit(0)


if __name__ == "__main__":
    main()
