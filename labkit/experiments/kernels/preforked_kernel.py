"""A Jupyter kernel forked from a process that has already imported everything.

A `PreforkedKernel` is a process that waits for its command line. `kernel_manager` makes the class
that papermill needs: it offers a kernel specification that names the provisioner
`PreforkedProvisioner`, which Jupyter finds by its entry point in `pyproject.toml`.
"""

import contextlib
import json
import os
import signal
import socket
import sys
from typing import Any, NoReturn

from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Instance, default

from labkit.experiments.kernels.process_tree import end_with_parent
from labkit.experiments.kernels.protocol import EXTENSION

LAUNCHER = "ipykernel_launcher"
PROVISIONER = "labkit-preforked"
"""Name of the entry point in the group `jupyter_client.kernel_provisioners`."""


class PreforkedKernel:
    """A process that becomes a kernel on request; it offers what Jupyter uses of Popen.

    Create it before this process starts threads, which a fork would not copy.

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
        self._control = ours

    def start(self, command: list[str], options: dict[str, Any]) -> None:
        """Become the kernel of a command line that Jupyter has made."""
        request = {
            "arguments": command[command.index(LAUNCHER) + 1 :],
            "environment": dict(options["env"]),
            "folder": str(options.get("cwd") or os.getcwd()),
        }
        self._control.sendall(json.dumps(request).encode() + b"\n")

    def poll(self) -> int | None:
        """The exit code once it has ended, as in `subprocess.Popen`."""
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


class PreforkedProvisioner(LocalProvisioner):
    """Starts the kernel in a preforked process; signals and waits as for any local process."""

    kernel = Instance(PreforkedKernel, help="the process that becomes the kernel")

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the kernel; see `LocalProvisioner.launch_kernel`."""
        self.kernel.start(cmd, kwargs)
        self.process = self.kernel  # type: ignore[assignment]  # it has what Jupyter uses of Popen
        self.pid = self.kernel.pid
        return self.connection_info


def kernel_manager(kernel: PreforkedKernel) -> type[AsyncKernelManager]:
    """The class of kernel managers whose kernel is this process."""

    class PreforkedSpecManager(KernelSpecManager):
        """Has one specification, whatever its name: the preforked kernel's."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            """The specification of ipykernel, with the provisioner that starts this process."""
            spec = KernelSpec(name=kernel_name, **get_kernel_dict())
            provisioner = {"provisioner_name": PROVISIONER, "config": {"kernel": kernel}}
            spec.metadata = {**spec.metadata, "kernel_provisioner": provisioner}
            return spec

    class PreforkedManager(AsyncKernelManager):
        """A kernel manager with that specification."""

        @default("kernel_spec_manager")
        def _default_kernel_spec_manager(self) -> KernelSpecManager:
            return PreforkedSpecManager(parent=self)

    return PreforkedManager


def _become_kernel(control: socket.socket) -> NoReturn:
    os.setsid()
    line = control.makefile("r", encoding="utf-8").readline()
    if not line:
        os._exit(0)  # the run needed no kernel
    request = json.loads(line)
    control.close()
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    # they look for the kernel when they are imported, and there was none
    for name in ("tqdm.auto", "tqdm.autonotebook"):
        sys.modules.pop(name, None)
    app = IPKernelApp.instance()
    app.initialize(  # type: ignore[no-untyped-call]
        [*request["arguments"], EXTENSION, f"--IPKernelApp.parent_handle={os.getppid()}"]
    )
    if "PLOTLY_RENDERER" not in os.environ:
        import plotly.io  # noqa: PLC0415  # only a kernel draws

        plotly.io.renderers.default = "plotly_mimetype+notebook"  # its own choice inside a kernel
    app.start()  # type: ignore[no-untyped-call]
    os._exit(0)
