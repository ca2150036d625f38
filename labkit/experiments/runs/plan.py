"""The plan of a run: notebook, parameters and id; and the notebook that repeats a session."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.experiments.runs.notebooks import Notebook
from labkit.session import ParameterError
from labkit.version import __version__

if TYPE_CHECKING:
    from labkit.session import Recipe

ID_LETTERS, VERSION_LETTERS = 16, 8

NOTEBOOKS = {
    "01_sinusoid": ("Sinusoid", "sinusoid_mlp", "float64", None),
    "04_tides": ("Tides", "tide_mlp", "float64", None),
    "05_few_shot_images": (
        "Emoji",
        "conv4(ways={ways}, channels=3, filters=32)",
        "float64",
        "transductive",
    ),
}
"""Notebook → tasks, model, dtype and batch norm of its session."""

_ASPECTS = ("tasks", "model", "dtype", "batch_norm")


@dataclass(frozen=True, slots=True)
class Plan:
    """A run to execute, with all its parameters.

    Attributes:
        notebook: The notebook to execute.
        parameters: Name → checked value, defaults included.
    """

    notebook: Notebook
    parameters: Mapping[str, Any]

    @classmethod
    def of(cls, notebook: str | Path | Notebook, values: Mapping[str, object]) -> "Plan":
        """Plan a run of a notebook with these parameters and its defaults for the others.

        Raises:
            FileNotFoundError: There is no such notebook.
            ParameterError: A value is invalid, or a name is unknown.

        Example:
            >>> Plan.of("01_sinusoid", {"alpha": 0.02}).parameters["alpha"]
            0.02
        """
        document = notebook if isinstance(notebook, Notebook) else Notebook.read(notebook)
        return cls(document, document.checked(values))

    @property
    def id(self) -> str:
        """A hash of the notebook's source, the parameters and labkit's version."""
        return _hash(self.notebook.source, self.parameters, __version__)

    @property
    def key(self) -> str:
        """See `key_of`."""
        return key_of(self.notebook.name, self.parameters)

    @property
    def version(self) -> str:
        """A hash of the notebook's source and labkit's version."""
        return _hash(self.notebook.source, __version__)[:VERSION_LETTERS]


def key_of(notebook: str, parameters: Mapping[str, Any]) -> str:
    """A hash of a notebook's name and the parameters: equal for all its versions."""
    return _hash(notebook, parameters)


def _hash(*parts: object) -> str:
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:ID_LETTERS]


def notebook_of(recipe: "Recipe", folder: Path) -> str | Path:
    """The notebook that repeats the session of a recipe.

    Args:
        recipe: Of the session.
        folder: Where a notebook is written if none of labkit has this model, these tasks and this
            precision.

    Returns:
        A short name, or the path of what was written.

    Raises:
        ParameterError: The model or the tasks are custom, so a recipe does not contain them.

    Example:
        >>> from labkit.session import Recipe, Settings
        >>> notebook_of(Recipe(Settings(), 9, "Sinusoid", "sinusoid_mlp", "float64"), Path())
        '01_sinusoid'
    """
    from labkit.session import CUSTOM, parameter_cells  # noqa: PLC0415  # it imports torch

    for aspect in ("tasks", "model"):
        if getattr(recipe, aspect) == CUSTOM:
            raise ParameterError(
                f"the {aspect} of this session are custom, and a share code does not contain them: "
                "name the notebook that repeats this session"
            )
    for name in NOTEBOOKS:
        if not _difference(recipe, name):
            return name
    import nbformat  # noqa: PLC0415  # slow to import, and a command's --help needs none

    values, session = parameter_cells(recipe)
    cells = [
        nbformat.v4.new_code_cell(values, id="parameters", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(session, id="session"),
        nbformat.v4.new_code_cell("labkit.open_lab(session)", id="lab"),
        nbformat.v4.new_code_cell("labkit.record_result(labkit.measure(session))", id="result"),
    ]
    path = folder / "session.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def check_notebook(recipe: "Recipe", name: str) -> None:
    """Reject a notebook of labkit whose session differs from the recipe's.

    Raises:
        ParameterError: It differs; the message names the difference.
    """
    if name in NOTEBOOKS and (difference := _difference(recipe, name)):
        raise ParameterError(
            f"{difference}: its numbers would differ. Leave out the notebook to repeat the "
            "session, or give only the parameters, by -f"
        )


def _difference(recipe: "Recipe", name: str) -> str:
    """What a session has and a notebook of labkit has not; empty if nothing."""
    settings = recipe.settings.model_dump()
    for aspect, form in zip(_ASPECTS, NOTEBOOKS[name], strict=True):
        expected = form.format(**settings) if form and "ways" in settings else form
        actual = getattr(recipe, aspect)
        if actual != expected:
            return (
                f"the session has {aspect} = {actual!r}, but the notebook {name} has {expected!r}"
            )
    return ""
