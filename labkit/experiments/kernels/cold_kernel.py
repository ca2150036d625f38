"""A Jupyter kernel in a new process, which ends with the process that starts it.

ipykernel watches its parent in a thread: code that never releases Python's lock disables this. If
the parent ends while the kernel still imports, ipykernel waits for its parent to be process 1,
which never happens where another process adopts orphans, as in containers and under systemd.
"""

import os
import sys

from jupyter_client.manager import AsyncKernelManager

from labkit.experiments.kernels.process_tree import end_with_parent
from labkit.experiments.kernels.protocol import EXTENSION

PARENT = "JPY_PARENT_PID"
"""Environment variable that holds the process id of the kernel's parent; Jupyter sets it."""


class ColdKernelManager(AsyncKernelManager):
    """Starts kernels with this module, in this environment's Python."""

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        """The command line of a kernel."""
        begin = [sys.executable, "-P", "-m", __name__]
        file = os.path.realpath(self.connection_file)
        return [*begin, "-f", file, EXTENSION, *(extra_arguments or ())]


def main() -> None:
    """Become the kernel that the command line describes."""
    if sys.platform == "linux":
        end_with_parent(int(os.environ[PARENT]))
    # the notebook's outputs hold what it prints; these two may belong to the parent's protocol
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    from ipykernel import kernelapp  # noqa: PLC0415  # imported once it ends with its parent

    kernelapp.launch_new_instance()


if __name__ == "__main__":
    main()
