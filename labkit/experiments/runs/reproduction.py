"""A run once more from its folder, and how far the numbers agree."""

import math
from pathlib import Path

from labkit.experiments.runs.notebook_files import read_notebook
from labkit.experiments.runs.notebooks import INJECTED
from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.run_folder import NOTEBOOK, RunFolder


def plan_of(folder: RunFolder, scratch: Path) -> Plan:
    """The run that a folder is of, with the notebook as it was then.

    Args:
        folder: Of a run that is done.
        scratch: Where the notebook can be put.

    Raises:
        ValueError: There is no finished run, or it has no result.
    """
    import nbformat  # noqa: PLC0415  # it takes a while, and a command's --help does without

    status = folder.status
    if status is None or status.state != "done":
        state = "is not the folder of a run" if status is None else f"holds a run {status.state}"
        raise ValueError(f"{folder.path} {state}: only one that is done can be compared")
    if status.without_result:
        raise ValueError(f"{folder.path} has no result to compare: its notebook records none")
    if not folder.notebook.is_file():
        raise ValueError(
            f"{folder.path} has no {NOTEBOOK}, of which runs that are kept for their numbers may "
            "be without: make it by labkit run, with the parameters that labkit show says"
        )
    notebook = read_notebook(folder.notebook)
    notebook.cells = [c for c in notebook.cells if INJECTED not in c.metadata.get("tags", ())]
    path = scratch / f"{status.notebook}.ipynb"
    nbformat.write(notebook, path)
    return Plan.of(path, folder.parameters)


def digits_of_agreement(one: float, other: float) -> float:
    """To how many digits two numbers agree; inf if they are equal or both not numbers.

    Example:
        >>> digits_of_agreement(1.0, 1.0), round(digits_of_agreement(2.0, 2.002))
        (inf, 3)
    """
    if one == other or (math.isnan(one) and math.isnan(other)):
        return math.inf
    relative = abs(one - other) / max(abs(one), abs(other))
    return max(0.0, -math.log10(relative)) if math.isfinite(relative) else 0.0


def agreement(
    before: dict[str, float], after: dict[str, float]
) -> dict[str, tuple[float, float, float]]:
    """Metric → its two values and to how many digits they agree; one that is missing is nan."""
    return {
        name: (
            one := before.get(name, math.nan),
            other := after.get(name, math.nan),
            digits_of_agreement(one, other),
        )
        for name in dict.fromkeys([*before, *after])
    }
