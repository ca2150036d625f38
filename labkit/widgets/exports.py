"""What the lab's Export menu gives: texts to paste, files to keep, pictures."""

import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from labkit.figures import lab_view, standalone_html
from labkit.session import (
    Format,
    Session,
    code_cell,
    parameters_json,
    parameters_yaml,
    repeating,
    share_code,
    write_curves,
)
from labkit.widgets.lab_context import LabContext, ViewState
from labkit.widgets.replay_page import replay_page

EXPORTS = (
    ("code", "Share code (copied)"),
    ("cell", "Code cell that rebuilds it (copied)"),
    ("yaml", "Parameters for papermill, YAML"),
    ("json", "Parameters for papermill, JSON"),
    ("csv", "Curves, CSV"),
    ("parquet", "Curves, Parquet"),
    ("html", "Figures, one web page"),
    ("replay", "Page that plays without a kernel"),
    ("svg", "Figures, SVG"),
    ("png", "Figures, PNG"),
)
"""What the menu offers, each with its words."""

_PICTURES = ("svg", "png")
_TEXTS = {"code": share_code, "cell": code_cell}
_PARAMETERS = {"yaml": parameters_yaml, "json": parameters_json}


@dataclass(frozen=True, slots=True)
class Copied:
    """Text for the clipboard."""

    text: str


@dataclass(frozen=True, slots=True)
class Files:
    """Files to download, name → content."""

    contents: dict[str, bytes]


def exported(session: Session, what: str, view: ViewState | None = None) -> Copied | Files:
    """A session as it is shown now, in one of the forms that leave the lab without a picture.

    Args:
        session: Any.
        what: "code", "cell", "yaml", "json", "csv", "parquet" or "html".
        view: How the figures show it; None: as a lab does at first.

    Raises:
        ModuleNotFoundError: What writes such files is not installed.

    Example:
        >>> from labkit.session import Settings
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> session = Session(Settings(), model=sinusoid_mlp, tasks=Sinusoid)
        >>> exported(session, "code").text[:6]
        'maml1.'
    """
    recipe = session.recipe()
    stem = f"maml-lab-{recipe.meta_step}"
    if what in _TEXTS:
        return Copied(_TEXTS[what](recipe))
    if what in _PARAMETERS:
        return Files({f"{stem}.{what}": _PARAMETERS[what](recipe).encode()})
    if what == "html":
        chosen = view or ViewState()
        figures = lab_view(
            session,
            measure=chosen.measure,
            task=chosen.task,
            points=chosen.points,
            by=chosen.by,
            arrangement=chosen.paths,
        )
        title = f"MAML Lab, meta-step {recipe.meta_step:,}"
        page = standalone_html(figures, title, repeating(recipe))
        return Files({f"{stem}.html": page.encode()})
    if what in get_args(Format):
        return _curves(session, stem, what)
    raise ValueError(f"there is no export {what!r}")


def export(context: LabContext, what: str) -> None:
    """Let the page copy or download one of `EXPORTS`.

    Raises:
        ValueError: There is no such export.
        ModuleNotFoundError: What writes such files is not installed.
    """
    session, dashboard = context.session, context.dashboard
    if what == "replay":
        _record_aside(context)
        return
    if what in _PICTURES:
        name = f"maml-lab-{session.snapshot().meta_step}.{what}"
        dashboard.save_picture(name, file_format=what)
        return
    result = exported(session, what, context.view)
    if isinstance(result, Copied):
        dashboard.copy(result.text)
        context.view.note = f"Copied: {result.text.splitlines()[0][:60]} …"
        return
    for name, content in result.contents.items():
        dashboard.save_file(name, content)


class _ClosedError(Exception):
    """Nobody waits for the recording any longer."""


def _record_aside(context: LabContext) -> None:
    """Record the page aside: that takes its time, and the lab stays usable."""
    session, view, dashboard = context.session, context.view, context.dashboard
    name = f"maml-lab-{session.last_step}-replay.html"

    def end_if_closed() -> None:
        if dashboard.comm is None:
            raise _ClosedError

    def run() -> None:
        try:
            page = replay_page(session, dashboard.controls, between=end_if_closed)
            dashboard.save_file(name, page.encode())
            view.note = f"Recorded: {name}"
        except _ClosedError:
            return
        except Exception as error:  # noqa: BLE001  # a person's model and tasks may raise anything
            view.message = f"Recording failed. {type(error).__name__}: {error}"
        context.wake()

    view.note = "Recording the page; it is downloaded when it is done, and the lab stays usable"
    threading.Thread(target=run, name="maml-lab-replay", daemon=True).start()


def _curves(session: Session, stem: str, kind: Any) -> Files:
    adaptation = session.adaptation_curve(session.snapshot())
    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder) / stem
        paths = write_curves(prefix, session.training_curve(), adaptation, formats=(kind,))
        return Files({path.name: path.read_bytes() for path in paths})
