"""The result of a run as data, recorded in the executed notebook and read back from it."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from labkit.experiments.runs.claims import after
from labkit.experiments.runs.notebooks import read_notebook
from labkit.experiments.tables import number_text, text_table

if TYPE_CHECKING:
    from labkit.session import Columns
    from labkit.training import MetaLearner

MIME_TYPE = "application/vnd.maml-lab.result+json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Divergence:
    """A training whose losses were beyond all bounds at its end.

    Attributes:
        meta_step: From which on they were.
        message: Which loss, how large, and what to do.
    """

    meta_step: int
    message: str


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a run.

    Attributes:
        parameters: Setting name → value at the end of the run.
        metrics: Name → number, over the held-out tasks.
        curves: "adaptation" (`inner_step`, `query_loss`, `ci95`, `median`, `diverged`, and for
            each measure of the task family, such as `accuracy`, that and `accuracy_ci95`) and
            "training" (`meta_step`, `loss_before`, `loss_after`), column → values.
        events: Settings changed during the run: `meta_step`, `name`, `value`.
        provenance: Versions, platform, threads, git commit, seed, seconds spent training.
        divergence: Whether and when training diverged; then the run is "diverged", not "done".
        learner: Gives the trained learner, which `record_result` keeps with the result of a
            headless run; None: it keeps none. No part of the data.
    """

    parameters: dict[str, Any]
    metrics: dict[str, float]
    curves: "dict[str, Columns]"
    events: list[dict[str, Any]]
    provenance: dict[str, Any]
    divergence: Divergence | None = None
    learner: "Callable[[], MetaLearner] | None" = field(default=None, repr=False, compare=False)

    def heading(self) -> str:
        """When it was measured, and on how many tasks: to be read before `table`."""
        meta_steps, tasks = self.metrics["meta_steps"], self.provenance["tasks"]
        return f"{after(meta_steps)}, on {tasks:,} held-out tasks:"

    def sentences(self) -> str:
        """The query loss before and after adaptation, and how much of it is left.

        Example:
            >>> metrics = {"query_loss_before": 3.0, "query_loss_after": 1.2, "ratio": 0.4}
            >>> print(Result({"inner_steps": 5}, metrics, {}, [], {}).sentences())
            before adaptation 3.000, after 5 inner step(s) 1.200
            adaptation leaves 40% of the loss
        """
        before, after, ratio = (
            self.metrics[name] for name in ("query_loss_before", "query_loss_after", "ratio")
        )
        return (
            f"before adaptation {number_text(before, '.3f')}, after "
            f"{self.parameters['inner_steps']} inner step(s) {number_text(after, '.3f')}\n"
            f"adaptation leaves {number_text(ratio, '.0%')} of the loss"
        )

    def table(self) -> str:
        """The adaptation curve as text, with three decimals."""
        curve = self.curves["adaptation"]
        # sorted, since notebooks do not keep the order of names
        measures = sorted(n.removesuffix("_ci95") for n in curve if n.endswith("_ci95"))
        columns = {
            "inner step": ("inner_step", ".0f"),
            "query loss": ("query_loss", ".3f"),
            "± 95 %": ("ci95", ".3f"),
            "median": ("median", ".3f"),
            "diverged": ("diverged", ".1%"),
        }
        heads, formats = list(columns), list(columns.values())
        for name in measures:
            heads += [name, "± 95 %"]
            formats += [(name, ".3f"), (f"{name}_ci95", ".3f")]
        cells = ([number_text(v, spec) for v in curve[name]] for name, spec in formats)
        rows = zip(*cells, strict=True)
        return text_table(heads, list(rows))

    def to_json(self) -> dict[str, Any]:
        """Plain data for JSON; inf and nan, which JSON has not, become null."""
        curves = {
            name: {column: values.tolist() for column, values in curve.items()}
            for name, curve in self.curves.items()
        }
        data = {
            "format": FORMAT,
            "parameters": self.parameters,
            "metrics": self.metrics,
            "curves": curves,
            "events": self.events,
            "provenance": self.provenance,
            "divergence": None if self.divergence is None else asdict(self.divergence),
        }
        return {name: _without_nonfinite(value) for name, value in data.items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Result":
        """The result that `to_json` wrote; null becomes nan.

        Raises:
            ValueError: The data are of another format.
        """
        if data.get("format") != FORMAT:
            raise ValueError(
                f"result format {data.get('format')!r}: this labkit {version('maml-lab')} reads "
                f"format {FORMAT}"
            )
        curves = {
            name: {column: np.array(values, dtype=np.float64) for column, values in curve.items()}
            for name, curve in data["curves"].items()
        }
        metrics = {name: _number(value) for name, value in data["metrics"].items()}
        diverged = data.get("divergence")
        return cls(
            data["parameters"],
            metrics,
            curves,
            data["events"],
            data["provenance"],
            None if diverged is None else Divergence(**diverged),
        )


class NoResultError(ValueError):
    """An executed notebook contains no result.

    Attributes:
        expected: Whether one of its cells calls `record_result`.
    """

    def __init__(self, message: str, *, expected: bool) -> None:
        super().__init__(message)
        self.expected = expected


def read_result(path: str | Path) -> Result:
    """Read the result from an executed notebook.

    Args:
        path: A notebook executed by papermill, nbconvert or by hand.

    Returns:
        The last `Result` recorded in it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no notebook.
        NoResultError: It contains no result; the message says why, with the error that stopped
            the notebook if there was one.
    """
    notebook = read_notebook(Path(path))
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    recorded = [o["data"][MIME_TYPE] for o in outputs if MIME_TYPE in o.get("data", {})]
    if recorded:
        return Result.from_json(recorded[-1])
    failures = [f"{o['ename']}: {o['evalue']}" for o in outputs if o.output_type == "error"]
    reason = (
        f"it stopped with {failures[-1]}"
        if failures
        else "execute it, with a cell that calls record_result"
    )
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    raise NoResultError(
        f"{path} contains no result of labkit; {reason}",
        expected=any("record_result" in source for source in sources),
    )


def _number(value: object) -> float:
    if value is None:
        return math.nan
    if not isinstance(value, int | float):
        raise TypeError(f"a metric must be a number, got {value!r}")
    return value


def _without_nonfinite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nonfinite(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_without_nonfinite(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
