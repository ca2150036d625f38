"""Provenance of results, and the agreement of a repeated run with the earlier one."""

import math
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from labkit.experiments.runs.notebooks import INJECTED, read_notebook
from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.run_folder import NOTEBOOK, WITH_RESULT, RunFolder

_VERSIONS = ("maml-lab", "torch", "numpy", "plotly")
GIT_SECONDS = 10.0


def provenance() -> dict[str, Any]:
    """What a result depends on apart from its parameters.

    Returns:
        `versions`, `platform`, `threads` of torch, and `git`: commit of the working directory's
        repository, and whether tracked files have changed since; None outside of a repository.
    """
    import torch  # noqa: PLC0415  # `differences` needs none

    return {
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in _VERSIONS},
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "git": git_state(Path.cwd()),
    }


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit of a folder's repository, and whether tracked files have changed since."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        result = subprocess.run(  # noqa: S603
            command, cwd=folder, capture_output=True, text=True, timeout=GIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None  # no git, or no repository
    commit = result.stdout.strip()
    return {"commit": commit.removesuffix("-dirty"), "dirty": commit.endswith("-dirty")}


def differences(one: dict[str, Any], other: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The differences of two provenances except times; each version is one entry.

    Example:
        >>> differences({"threads": 1, "seconds": 2.0}, {"threads": 2, "seconds": 3.0})
        {'threads': (1, 2)}
    """
    flat, flat_other = _flat(one), _flat(other)
    names = dict.fromkeys([*flat, *flat_other])
    return {
        name: (flat.get(name), flat_other.get(name))
        for name in names
        if name != "seconds" and flat.get(name) != flat_other.get(name)
    }


def _flat(provenance: dict[str, Any]) -> dict[str, Any]:
    inner = {f"git {name}": value for name, value in (provenance.get("git") or {}).items()}
    plain = {name: value for name, value in provenance.items() if name not in {"versions", "git"}}
    return {**provenance.get("versions", {}), **inner, **plain}


def plan_of(folder: RunFolder, scratch: Path) -> Plan:
    """Plan the run of a folder again, with the notebook as executed then.

    Args:
        folder: Of a run that is done or has diverged.
        scratch: Folder for the notebook.

    Raises:
        ValueError: There is no finished run, or it has no result.
    """
    import nbformat  # noqa: PLC0415  # slow to import, and a command's --help needs none

    status = folder.status
    if status is None or status.state not in WITH_RESULT:
        state = "is not the folder of a run" if status is None else f"has a {status.state} run"
        raise ValueError(f"{folder.path} {state}: give the folder of a run that is done")
    if status.state != "diverged" and status.meta_step is not None:
        raise ValueError(
            f"{folder.path} has a run that ended early, after meta-step {status.meta_step:,}: "
            "repeated alone it would train to its end"
        )
    if status.without_result:
        raise ValueError(f"{folder.path} has no result to compare: its notebook records none")
    if not folder.notebook.is_file():
        raise ValueError(
            f"{folder.path} has no {NOTEBOOK}, only numbers: repeat the run by labkit run, with "
            "the parameters that labkit show prints"
        )
    notebook = read_notebook(folder.notebook)
    notebook.cells = [c for c in notebook.cells if INJECTED not in c.metadata.get("tags", ())]
    path = scratch / f"{status.notebook}.ipynb"
    nbformat.write(notebook, path)
    return Plan.of(path, folder.parameters)


def digits_of_agreement(one: float, other: float) -> float:
    """The number of digits to which two numbers agree; inf if they are equal or both nan.

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
    """Metric → its two values (nan if missing) and the number of digits to which they agree."""
    return {
        name: (
            one := before.get(name, math.nan),
            other := after.get(name, math.nan),
            digits_of_agreement(one, other),
        )
        for name in dict.fromkeys([*before, *after])
    }
