"""A Jupyter kernel that is forked from a process in which all is imported already."""

import contextlib
import json
import os
import signal
import socket
import sys
from typing import Any, NoReturn

from ipykernel.kernelapp import IPKernelApp
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from labkit.experiments.kernels.process_tree import end_with_parent

LAUNCHER = "ipykernel_launcher"


class Seat:
    """A process that becomes a kernel when it is told to.

    It has to be taken before this process starts threads, which a fork would not copy.

    Args:
        connection: Not for the kernel, which closes it.
    """

    def __init__(self, connection: socket.socket) -> None:
        ours, theirs = socket.socketpair()
        run = os.getpid()
        self.pid = os.fork()
        self.returncode: int | None = None
        self.stdin = self.stdout = self.stderr = None
        if self.pid == 0:
            connection.close()
            ours.close()
            end_with_parent(run)
            _become_kernel(theirs)
        theirs.close()
        self._telling = ours

    def begin(self, command: list[str], options: dict[str, Any]) -> None:
        """Become the kernel of a command line that Jupyter has made for one."""
        words = {
            "arguments": command[command.index(LAUNCHER) + 1 :],
            "environment": dict(options["env"]),
            "folder": str(options.get("cwd") or os.getcwd()),
        }
        self._telling.sendall(json.dumps(words).encode() + b"\n")

    def poll(self) -> int | None:
        """The exit code once it has ended, as of `subprocess.Popen`."""
        if self.returncode is None:
            ended, code = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(code) if ended else None
        return self.returncode

    def wait(self) -> int:
        """Wait for its end."""
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def manager_of(seat: Seat) -> type[AsyncKernelManager]:
    """The kind of kernel manager whose kernel takes this seat."""

    class SeatProvisioner(LocalProvisioner):
        """Starts the kernel in the seat; signals and waits as for any local process."""

        async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
            seat.begin(cmd, kwargs)
            self.process = seat  # type: ignore[assignment]  # it has what is used of Popen
            self.pid = seat.pid
            return self.connection_info

    class SeatManager(AsyncKernelManager):
        """Takes the provisioner above rather than what the kernel's specification names."""

        async def _async_pre_start_kernel(self, **kwargs: Any) -> Any:
            if self.provisioner is None:
                self.provisioner = SeatProvisioner(
                    kernel_id=self.kernel_id or "warm", kernel_spec=self.kernel_spec, parent=self
                )
            return await super()._async_pre_start_kernel(**kwargs)

        pre_start_kernel = _async_pre_start_kernel

    return SeatManager


def _become_kernel(told: socket.socket) -> NoReturn:
    os.setsid()
    line = told.makefile("r", encoding="utf-8").readline()
    if not line:
        os._exit(0)  # the run needed no kernel
    words = json.loads(line)
    told.close()
    os.environ.clear()
    os.environ.update(words["environment"])
    os.chdir(words["folder"])
    # they look for the kernel when they are imported, and there was none
    for name in ("tqdm.auto", "tqdm.autonotebook"):
        sys.modules.pop(name, None)
    app = IPKernelApp.instance()
    app.initialize(  # type: ignore[no-untyped-call]
        [*words["arguments"], f"--IPKernelApp.parent_handle={os.getppid()}"]
    )
    if "PLOTLY_RENDERER" not in os.environ:
        import plotly.io  # noqa: PLC0415  # only a kernel draws

        plotly.io.renderers.default = "plotly_mimetype+notebook"  # as it chooses inside a kernel
    app.start()  # type: ignore[no-untyped-call]
    os._exit(0)
