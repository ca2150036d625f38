"""A notebook that is executed in no time: it says a result without training anything."""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from labkit.experiments.result import FORMAT, MIME_TYPE

PARAMETERS = """\
alpha: float = 0.1
seed: int = 0
seconds: float = 0.0
kind: str = "good"
"""
CODE = f"""\
import os, time
time.sleep(seconds)
if kind == "bad":
    raise RuntimeError("as asked")
columns = ("inner_step", "query_loss", "ci95", "median", "diverged")
display({{"{MIME_TYPE}": {{
    "format": {FORMAT}, "parameters": {{}}, "metrics": {{
        "value": alpha + seed, "threads": int(os.environ.get("OMP_NUM_THREADS", 0))}},
    "curves": {{"adaptation": {{name: [seed] for name in columns}}}},
    "events": [], "provenance": {{}}}}}}, raw=True)
"""


def tiny_notebook(folder: Path) -> str:
    """Write it, and say where."""
    path = folder / "tiny.ipynb"
    cell = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [cell, new_code_cell(CODE)]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return str(path)
