"""Which cell of which frontend is running: a person's JupyterLab, or a headless run."""

import os

from IPython.core.getipython import get_ipython


def running_cell() -> str | None:
    """Id of the cell that a notebook frontend asked the kernel to run; None if headless.

    JupyterLab, Notebook and VS Code send the id with the request; papermill, nbval and nbconvert
    do not. Voilà runs notebooks headless for a person to use, so that any of its cells counts.
    """
    shell = get_ipython()
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return None
    metadata = kernel.get_parent("shell").get("metadata", {})
    if "cellId" in metadata:
        return str(metadata["cellId"])
    return "voila" if os.environ.get("SERVER_SOFTWARE", "").startswith("voila") else None
