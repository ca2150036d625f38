"""Runs handed on to TensorBoard, MLflow or Weights & Biases: files, and no network."""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from labkit.experiments.compare import RunRow
from labkit.experiments.runs import WITH_RESULT, RunFolder
from labkit.experiments.watch import RunReader
from labkit.session import ParameterError

if TYPE_CHECKING:
    from labkit.session import Columns

Tracker: TypeAlias = Literal["wandb", "mlflow", "tensorboard"]

PROJECT = "maml-lab"
_ID = "maml_lab.run"
"""The tag of MLflow with a run's id."""

_X = ("meta_step", "inner_step")
"""Columns over which a curve goes."""

_MODULES: Mapping[str, Sequence[str]] = {
    "wandb": ["wandb"],
    "mlflow": ["mlflow", "sqlalchemy", "alembic"],
    "tensorboard": ["tensorboard"],
}

Series: TypeAlias = Mapping[str, Sequence[tuple[int, float]]]
"""Curve and column, such as "training/loss_after", → x and value, the finite ones."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was handed on.

    Attributes:
        runs: Ids of the runs that are new there.
        earlier: Number of runs that were there already.
        left_out: Number of runs without a result.
        look: The command that shows or sends them.
    """

    runs: tuple[str, ...]
    earlier: int
    left_out: int
    look: str


def export_runs(folders: Sequence[str | Path], to: str, output: str | Path) -> Exported:
    """Hand on all runs that have a result: parameters, metrics, curves, name, tags and note.

    Nothing is sent anywhere. Runs that were handed on to the same place before are left as they
    are there.

    Args:
        folders: Runs or sweeps, at any depth.
        to: "tensorboard": event files; "mlflow": a database `mlflow.db`; "wandb": offline runs.
        output: Folder for them, made if it does not exist.

    Raises:
        FileNotFoundError: A folder does not exist.
        ParameterError: There is no such tracker, its package is not installed, or no run has a
            result.
    """
    if to not in get_args(Tracker):
        raise ParameterError(f"to must be one of {', '.join(get_args(Tracker))}, got {to!r}")
    missing = [name for name in _MODULES[to] if find_spec(name) is None]
    if missing:
        raise ParameterError(
            f"an export to {to} needs {', '.join(missing)}: pip install 'maml-lab[{to}]'"
        )
    rows = RunReader(folders).rows()
    with_result = [row for row in rows if row.state in WITH_RESULT and row.metrics]
    if not with_result:
        raise ParameterError(f"no run in {', '.join(map(str, folders))} has a result to export")
    place = Path(output).resolve()
    place.mkdir(parents=True, exist_ok=True)
    write, look = _WRITERS[to]
    new = [row.id for row in with_result if write(place, row, _series(row))]
    return Exported(
        tuple(new), len(with_result) - len(new), len(rows) - len(with_result), look(place)
    )


def _series(row: RunRow) -> Series:
    curves: Mapping[str, Columns] = RunFolder(Path(row.folder)).result.curves
    series = {}
    for curve, columns in curves.items():
        x = next((name for name in _X if name in columns), None)
        if x is None or len(set(columns[x].tolist())) < len(columns[x]):
            continue  # a table, no curve
        for name, values in columns.items():
            points = zip(columns[x].tolist(), values.tolist(), strict=True)
            if name != x:
                series[f"{curve}/{name}"] = [(int(at), v) for at, v in points if math.isfinite(v)]
    return {name: points for name, points in series.items() if points}


def _metrics(row: RunRow) -> dict[str, float]:
    return {name: float(value) for name, value in row.metrics.items() if math.isfinite(value)}


def _tensorboard(place: Path, row: RunRow, series: Series) -> bool:
    """A folder of event files for each run; curves, a text, and hyperparameters with metrics."""
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  # an extra

    target = place / row.id
    if target.exists():
        return False
    unfinished = place / f".{row.id}"
    rmtree(unfinished, ignore_errors=True)
    with SummaryWriter(str(unfinished)) as writer:
        for name, points in series.items():
            for at, value in points:
                writer.add_scalar(name, value, at)
        about = [f"notebook: {row.notebook}", f"state: {row.state}", *row.labels.tags]
        about += [text for text in (row.labels.name, row.labels.note) if text]
        writer.add_text("about", "\n\n".join(about))
        plain = {n: v if isinstance(v, int | float) else str(v) for n, v in row.parameters.items()}
        scores = {f"metrics/{name}": value for name, value in _metrics(row).items()}
        writer.add_hparams(plain, scores, run_name=".")
    os.replace(unfinished, target)
    return True


def _mlflow(place: Path, row: RunRow, series: Series) -> bool:
    """A database that `mlflow ui` serves; each run once, by a tag with its id."""
    from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415  # an extra
    from mlflow.tracking import MlflowClient  # noqa: PLC0415

    with _environment(MLFLOW_DISABLE_TELEMETRY="true"):
        client = MlflowClient(tracking_uri=f"sqlite:///{place / 'mlflow.db'}")
        experiment = client.get_experiment_by_name(PROJECT)
        if experiment is None:
            number = client.create_experiment(PROJECT, (place / "artifacts").as_uri())
        else:
            number = experiment.experiment_id
        if client.search_runs([number], f"tags.`{_ID}` = '{row.id}'", max_results=1):
            return False
        status = RunFolder(Path(row.folder)).status
        started = int(1000 * status.started) if status is not None else 0
        ended = started + int(1000 * (row.seconds or 0))
        tags = {"mlflow.note.content": row.labels.note, "notebook": row.notebook, _ID: row.id}
        tags |= {f"tag.{tag}": "yes" for tag in row.labels.tags} | {"state": row.state}
        name = row.labels.name or row.id
        run = client.create_run(number, start_time=started, tags={}, run_name=name).info.run_id
        points = [
            Metric(name, value, ended, at) for name, own in series.items() for at, value in own
        ] + [Metric(name, value, ended, 0) for name, value in _metrics(row).items()]
        params = [Param(name, str(value)[:6000]) for name, value in row.parameters.items()]
        for first in range(0, len(points), 1000):
            client.log_batch(run, metrics=points[first : first + 1000])
        for first in range(0, len(params), 100):
            client.log_batch(run, params=params[first : first + 100])
        # last: a run that is only half there has no id, and is exported again
        client.log_batch(run, tags=[RunTag(name, value) for name, value in tags.items() if value])
        client.set_terminated(run, "FINISHED", end_time=ended)
    return True


def _wandb(place: Path, row: RunRow, series: Series) -> bool:
    """An offline run of Weights & Biases, which `wandb sync` sends."""
    import wandb  # noqa: PLC0415  # an extra

    done = place / f".{row.id}.done"
    if done.exists():
        return False
    settings = wandb.Settings(silent=True, console="off", disable_git=True, save_code=False)
    with _environment(WANDB_MODE="offline", WANDB_ERROR_REPORTING="false"):
        run = wandb.init(
            project=PROJECT,
            id=row.id,
            name=row.labels.name or row.id,
            notes=row.labels.note,
            tags=[*row.labels.tags, row.notebook, row.state],
            config=dict(row.parameters),
            dir=str(place),
            mode="offline",
            reinit="create_new",
            settings=settings,
        )
        for x in _X:
            run.define_metric(x)
        for name, points in series.items():
            x = "meta_step" if name.startswith("training/") else "inner_step"
            run.define_metric(name, step_metric=x)
            for at, value in points:
                run.log({name: value, x: at})
        for name, value in _metrics(row).items():
            run.summary[name] = value
        run.finish()
    done.touch()
    return True


_Writer: TypeAlias = Callable[[Path, RunRow, Series], bool]

_WRITERS: Mapping[str, tuple[_Writer, Callable[[Path], str]]] = {
    "tensorboard": (_tensorboard, lambda place: f"tensorboard --logdir {place}"),
    "mlflow": (_mlflow, lambda p: f"mlflow ui --backend-store-uri sqlite:///{p / 'mlflow.db'}"),
    "wandb": (_wandb, lambda place: f"wandb sync {place / 'wandb' / 'offline-run-*'}"),
}
"""Tracker → what writes a run, unless it is there already, and the command for what was written."""


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Environment variables for a while."""
    before: dict[str, Any] = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
