"""A Jupyter kernel in a new process, which does not outlive the process that starts it.

ipykernel looks for its parent itself, but in a thread: code that lets no thread go on keeps it from
looking. And where the parent goes while the kernel still imports, it waits for process 1 to be its
parent, which never comes where another process adopts orphans, as containers and systemd have it.
"""

import os
import sys

from jupyter_client.manager import AsyncKernelManager

from labkit.experiments.kernels.process_tree import end_with_parent

PARENT = "JPY_PARENT_PID"
"""Environment variable in which Jupyter tells a kernel who starts it."""


class ColdKernelManager(AsyncKernelManager):
    """Starts kernels by this module, in this environment's Python."""

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        """The command line of a kernel."""
        begin = [sys.executable, "-P", "-m", __name__]
        return [*begin, "-f", os.path.realpath(self.connection_file), *(extra_arguments or ())]


def main() -> None:
    """Become the kernel that the command line asks for."""
    if sys.platform == "linux":
        end_with_parent(int(os.environ[PARENT]))
    # what a notebook prints is in its outputs; whoever starts it has other uses for these two
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    from ipykernel import kernelapp  # noqa: PLC0415  # from here on it ends with its parent

    kernelapp.launch_new_instance()


if __name__ == "__main__":
    main()
