"""The command `labkit show`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from labkit.cli.errors import usage_errors
from labkit.experiments import (
    RUNS,
    STATUS,
    SWEEP,
    WITH_RESULT,
    Labels,
    Notebook,
    RunFolder,
    Status,
    number_text,
)


def show(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
) -> None:
    """Show a run: state, parameters, metrics, provenance."""
    with usage_errors():
        folder = RunFolder(run)
        if (status := folder.status) is None:
            of_sweep = (run / SWEEP).is_file()
            raise ValueError(
                f"{run} is not the folder of a run: it has no {STATUS}"
                + (f"; the runs of the sweep are in {run / RUNS}" if of_sweep else "")
            )
        damage = folder.damage
        _print("run", _summary(status, folder, damaged=bool(damage)) | _labels(run))
        if damage:
            raise ValueError(damage)
        _print("parameters (others as in the notebook)", _changed(folder))
        if status.without_result:
            typer.echo("The notebook records no result, see labkit.record_result.")
        elif status.state in WITH_RESULT:
            result = folder.result
            _print(
                "metrics",
                {name: number_text(value, ".6g") for name, value in result.metrics.items()},
            )
            typer.echo(f"{result.table()}\n")
            _print("provenance", result.provenance)


def _summary(status: Status, folder: RunFolder, *, damaged: bool) -> dict[str, Any]:
    state: str = "damaged: the same command repeats it" if damaged else status.state
    if folder.interrupted:
        progress, saved = folder.progress, folder.checkpoint.is_dir()
        at = f" at meta-step {progress.meta_step:,}" if progress and progress.meta_step else ""
        follows = "continues it from its last checkpoint" if saved else "repeats it"
        state = f"interrupted{at}: the same command {follows}"
    elif status.meta_step is not None:
        state += f" at meta-step {status.meta_step:,}"
    seconds = {} if status.seconds is None else {"seconds": status.seconds}
    error = {} if status.error is None else {"error": status.error}
    version = {} if status.version is None else {"version": status.version}
    head = {"notebook": status.notebook, **version, "id": status.id, "state": state}
    return head | seconds | error


def _labels(run: Path) -> dict[str, str]:
    """What people have written on the run."""
    labels = Labels.read(run)
    texts = {"name": labels.name, "tags": ", ".join(labels.tags), "note": labels.note}
    return {name: text for name, text in texts.items() if text}


def _changed(folder: RunFolder) -> dict[str, Any]:
    """The parameters that differ from the notebook's defaults."""
    defaults = Notebook.read(folder.notebook).defaults if folder.notebook.is_file() else {}
    return {
        name: value
        for name, value in folder.parameters.items()
        if name not in defaults or defaults[name] != value
    }


def _print(head: str, entries: dict[str, Any]) -> None:
    width = max(map(len, entries), default=0)
    typer.echo(f"{head}:")
    for name, value in entries.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        typer.echo(f"  {name:{width}}  {text}")
    typer.echo()
