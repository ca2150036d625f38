"""The notebooks with fewer held-out tasks and smaller networks: what they compute, in less time."""

from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

_FEWER = [
    ("tasks=300", "tasks=8"),
    ("held_out(300)", "held_out(8)"),
    ("[:200]", "[:60]"),
    ("test_tasks=40", "test_tasks=4"),
    ("filters=32", "filters=4"),
]
"""As the notebooks have it, and in its place."""


def with_fewer_tasks(name: str) -> nbformat.NotebookNode:
    """A notebook by its name."""
    notebook: nbformat.NotebookNode = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        for many, few in _FEWER:
            cell.source = cell.source.replace(many, few)
    return notebook
