"""Notebooks as files."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode


def read_notebook(path: Path) -> "NotebookNode":
    """A notebook with its outputs.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no notebook.
    """
    import nbformat  # noqa: PLC0415  # it takes a while, and a command's --help does without

    try:
        found: NotebookNode = nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise
    except Exception as error:  # noqa: BLE001  # nbformat raises many kinds on what is no notebook
        raise ValueError(f"{path} is not a Jupyter notebook: {error}") from None
    return found
