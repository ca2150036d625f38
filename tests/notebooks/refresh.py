"""Execute the committed notebooks again; keep the outputs that nbval compares, and pictures.

Run by `make notebooks` after a change that alters their numbers; the diff then shows which.
"""

import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from tests.notebooks.stills import Stills, drawing

IGNORED = "nbval-ignore-output"


PICTURE = "image/png"


def refresh(path: Path, stills: Stills) -> None:
    """Execute one notebook and write it back in the form that is committed."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": path.parent}}).execute()
    for cell in notebook.cells:
        stills.replace_figures(cell)
    write_committed_form(notebook, path)


def write_committed_form(notebook: Any, path: Path) -> None:
    """Drop what differs from run to run: times, ignored outputs, versions, widget state.

    Pictures stay, whose bytes differ with the fonts of a machine, and which nbval does not compare.
    """
    for cell in notebook.cells:
        cell.metadata = {k: v for k, v in cell.metadata.items() if k == "tags"}
        if IGNORED in cell.metadata.get("tags", ()):
            cell.outputs = [o for o in cell.outputs if PICTURE in o.get("data", {})]
    notebook.metadata = {
        "kernelspec": notebook.metadata["kernelspec"],
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, path)


if __name__ == "__main__":
    with drawing() as stills:
        for argument in sys.argv[1:]:
            refresh(Path(argument), stills)
