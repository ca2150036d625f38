"""What the lab's Export menu gives: texts to paste, files to keep, pictures."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from labkit.figures.lab import lab_view
from labkit.figures.page import standalone_html
from labkit.session.curve_files import write_curves
from labkit.session.export import code_cell, parameters_json, parameters_yaml
from labkit.session.session import Session
from labkit.session.share import share_code


@dataclass(frozen=True, slots=True)
class Copied:
    """Text for the clipboard."""

    text: str


@dataclass(frozen=True, slots=True)
class Files:
    """Files to download, name → content."""

    contents: dict[str, bytes]


def exported(session: Session, what: str) -> Copied | Files:
    """A session as it is shown now, in one of the forms that leave the lab without a picture.

    Args:
        session: Any.
        what: "code", "cell", "yaml", "json", "csv", "parquet" or "html".

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
    match what:
        case "code":
            return Copied(share_code(recipe))
        case "cell":
            return Copied(code_cell(recipe))
        case "yaml":
            return Files({f"{stem}.yaml": parameters_yaml(recipe).encode()})
        case "json":
            return Files({f"{stem}.json": parameters_json(recipe).encode()})
        case "csv":
            return _curves(session, stem, "csv")
        case "parquet":
            return _curves(session, stem, "parquet")
        case "html":
            title = f"MAML Lab, meta-step {recipe.meta_step:,}"
            return Files({f"{stem}.html": standalone_html(lab_view(session), title).encode()})
    raise ValueError(f"there is no export {what!r}")


def _curves(session: Session, stem: str, kind: str) -> Files:
    adaptation = session.adaptation_curve(session.snapshot())
    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder) / stem
        paths = write_curves(prefix, session.training_curve(), adaptation, formats=(kind,))  # type: ignore[arg-type]
        return Files({path.name: path.read_bytes() for path in paths})
