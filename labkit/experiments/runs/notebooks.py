"""Notebooks as experiments: looked up by name, with their parameters."""

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, ValidationError, create_model

from labkit.experiments.runs.plain_values import plain_values, python_number
from labkit.session import CheckedModel, ParameterError, parameter_error

if TYPE_CHECKING:
    from nbformat import NotebookNode

FOLDER = "notebooks"
INJECTED = "injected-parameters"
"""Tag of the cell with parameters that papermill adds."""
SETTINGS = "labkit.settings"
"""Group of entry points that register settings. In the order of their names, which begin with a
number, the first that has all parameters of a notebook checks them."""

_TYPES: dict[str, Any] = {"int": int, "float": float, "str": str, "bool": bool, "list": list}


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook that can be run with parameters.

    Attributes:
        path: The file.
        source: Its cells without outputs, as text.
        defaults: Parameter → value, from the cell with the tag "parameters".
        types: Parameter → type, where the cell has an annotation.
    """

    path: Path
    source: str
    defaults: Mapping[str, Any]
    types: Mapping[str, Any]

    @classmethod
    def read(cls, name: str | Path) -> "Notebook":
        """Read a notebook.

        Args:
            name: A path, or the name without suffix of one in the folder "notebooks" here or
                above.

        Raises:
            FileNotFoundError: There is no such notebook; the message lists the existing ones.
            ValueError: The file is no notebook, or its parameters cell is not plain assignments.
        """
        path = find_notebook(name)
        document = read_notebook(path)
        cells = [cell for cell in document.cells if INJECTED not in cell.metadata.get("tags", ())]
        source = json.dumps([[cell.cell_type, cell.source] for cell in cells], ensure_ascii=False)
        tagged = [c for c in cells if "parameters" in c.metadata.get("tags", ())]
        defaults, types = _assignments(path, tagged[0].source) if tagged else ({}, {})
        return cls(path, source, defaults, types)

    @property
    def name(self) -> str:
        """The file's name without suffix."""
        return self.path.stem

    def checked(self, values: Mapping[str, object]) -> dict[str, Any]:
        """Check values of parameters, and add the defaults of the others.

        Numbers must be numbers: text such as "0.1", nan and infinities are rejected, as are values
        that JSON has no form for, such as tuples and sets. Numbers of numpy are numbers.

        Raises:
            ParameterError: One line for each invalid value and unknown name.
        """
        if values and not self.defaults:
            raise ParameterError(
                f"{self.path} has no parameters, so it cannot take {', '.join(values)}: give the "
                f"cell that assigns {'it' if len(values) == 1 else 'them'} the tag 'parameters'"
            )
        parameters = {name: python_number(v) for name, v in {**self.defaults, **values}.items()}
        for kind in _registered_settings():
            if set(kind.model_fields) >= set(self.defaults) and self.defaults:
                return kind.checked(parameters).model_dump(include=set(self.defaults) | set(values))
        fields: dict[str, Any] = {
            name: (self.types.get(name, Any), default) for name, default in self.defaults.items()
        }
        parameters = plain_values(parameters)
        config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
        model = create_model("Parameters", __config__=config, **fields)
        try:
            checked: dict[str, Any] = model(**parameters).model_dump()
        except ValidationError as error:
            raise parameter_error(model, error) from None
        return checked


def read_notebook(path: Path) -> "NotebookNode":
    """Read a notebook with its outputs.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no notebook.
    """
    import nbformat  # noqa: PLC0415  # slow to import, and a command's --help needs none

    try:
        notebook: NotebookNode = nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise
    except Exception as error:  # noqa: BLE001  # nbformat raises many kinds of error
        raise ValueError(f"{path} is not a Jupyter notebook: {error}") from None
    return notebook


def find_notebook(name: str | Path) -> Path:
    """The file with a path or a short name; see `Notebook.read`."""
    path = Path(name)
    if path.suffix == ".ipynb" and path.is_file():
        return path.resolve()
    here = Path.cwd()
    folders = [folder / FOLDER for folder in (here, *here.parents) if (folder / FOLDER).is_dir()]
    for folder in folders:
        candidate = folder / f"{path.name.removesuffix('.ipynb')}.ipynb"
        if len(path.parts) == 1 and candidate.is_file():
            return candidate
    names = sorted(file.stem for folder in folders[:1] for file in folder.glob("*.ipynb"))
    existing = f"; there are {', '.join(names)}" if names else ""
    raise FileNotFoundError(
        f"there is no notebook {name}: give its path, or the short name of one in the folder "
        f"{FOLDER}{existing}"
    )


@cache
def _registered_settings() -> tuple[type[CheckedModel], ...]:
    """The settings of this and other packages, in the order of their entry points' names."""
    entries = sorted(entry_points(group=SETTINGS), key=lambda entry: entry.name)
    return tuple(entry.load() for entry in entries)


def _assignments(path: Path, source: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values and types that a parameters cell assigns to names."""
    defaults: dict[str, Any] = {}
    types: dict[str, Any] = {}
    if magic := next((x for x in source.splitlines() if x.lstrip().startswith(("%", "!"))), None):
        raise ValueError(
            f"{path}: the parameters cell must hold assignments only, got {magic.strip()!r}: move "
            "it to another cell"
        )
    try:
        statements = ast.parse(source).body
    except SyntaxError as error:
        line = (error.text or "").strip()
        raise ValueError(
            f"{path}: line {error.lineno} of the parameters cell is not Python ({error.msg}): "
            f"{line!r}"
        ) from None
    for statement in statements:
        match statement:
            case ast.AnnAssign(
                target=ast.Name(id=name), annotation=kind, value=ast.expr() as value
            ):
                types[name] = _TYPES.get(ast.unparse(kind), Any)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case _:
                raise ValueError(
                    f"{path}: the parameters cell must hold assignments such as alpha: float = "
                    f"0.01, got {ast.unparse(statement)!r}"
                )
        try:
            defaults[name] = ast.literal_eval(value)
        except (ValueError, TypeError):  # such as a dict with lists as keys
            raise ValueError(
                f"{path}: the default of {name} must be a plain value, got {ast.unparse(value)!r}"
            ) from None
    return defaults, types
