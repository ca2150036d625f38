"""Where a result comes from: versions, platform, the commit of the working directory."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

_VERSIONS = ("maml-lab", "torch", "numpy", "plotly")
GIT_SECONDS = 10.0


def provenance() -> dict[str, Any]:
    """What a result depends on beside its parameters.

    Returns:
        `versions`, `platform`, `threads` of torch, and `git`: commit of the repository that the
        working directory is in, and whether its files were changed since; None if in none.
    """
    import torch  # noqa: PLC0415  # `differences` does without

    return {
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in _VERSIONS},
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "git": git_state(Path.cwd()),
    }


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit of the repository that a folder is in, and whether tracked files were changed."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=folder, capture_output=True, text=True, timeout=GIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None  # no git, or no repository
    commit = done.stdout.strip()
    return {"commit": commit.removesuffix("-dirty"), "dirty": commit.endswith("-dirty")}


def differences(one: dict[str, Any], other: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What two provenances do not have in common, apart from times; versions one by one.

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


def _flat(whole: dict[str, Any]) -> dict[str, Any]:
    inner = {f"git {name}": value for name, value in (whole.get("git") or {}).items()}
    plain = {name: value for name, value in whole.items() if name not in {"versions", "git"}}
    return {**whole.get("versions", {}), **inner, **plain}
