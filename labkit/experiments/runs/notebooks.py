"""Notebooks as experiments: found by name, and the parameters that they take."""

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, ValidationError, create_model

from labkit.experiments.runs.notebook_files import read_notebook
from labkit.session import CheckedModel, ParameterError, complaint

FOLDER = "notebooks"
INJECTED = "injected-parameters"
"""Tag of the cell that papermill adds."""

_TYPES: dict[str, Any] = {"int": int, "float": float, "str": str, "bool": bool, "list": list}


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook that can be run with parameters.

    Attributes:
        path: Where it is.
        source: Its cells without outputs, as text that changes with each of them.
        defaults: Parameter → value, from the cell that is tagged "parameters".
        types: Parameter → type, where the cell names one.
    """

    path: Path
    source: str
    defaults: Mapping[str, Any]
    types: Mapping[str, Any]

    @classmethod
    def read(cls, name: str | Path) -> "Notebook":
        """A notebook by its path or its short name.

        Args:
            name: A path, or the name without suffix of one in the folder "notebooks" here or
                above.

        Raises:
            FileNotFoundError: There is no such notebook; the message names those that there are.
            ValueError: The file is no notebook, or its parameters cell is not plain assignments.
        """
        path = find_notebook(name)
        whole = read_notebook(path)
        cells = [cell for cell in whole.cells if INJECTED not in cell.metadata.get("tags", ())]
        source = json.dumps([[cell.cell_type, cell.source] for cell in cells], ensure_ascii=False)
        tagged = [c for c in cells if "parameters" in c.metadata.get("tags", ())]
        defaults, types = _assigned(path, tagged[0].source) if tagged else ({}, {})
        return cls(path, source, defaults, types)

    @property
    def name(self) -> str:
        """The file's name without suffix."""
        return self.path.stem

    def checked(self, values: Mapping[str, object]) -> dict[str, Any]:
        """All parameters: those given, checked, and the defaults of the others.

        Numbers must be numbers: text such as "0.1" is refused, and so are nan and infinities.

        Raises:
            ParameterError: One line for each value that is not allowed and each unknown name.
        """
        whole = {**self.defaults, **values}
        for kind in _registered_settings():
            if set(kind.model_fields) >= set(self.defaults) and self.defaults:
                return kind.checked(whole).model_dump(include=set(self.defaults) | set(values))
        fields: dict[str, Any] = {
            name: (self.types.get(name, Any), default) for name, default in self.defaults.items()
        }
        config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
        own = create_model("Parameters", __config__=config, **fields)
        try:
            checked: dict[str, Any] = own(**whole).model_dump()
        except ValidationError as error:
            lines = []
            for entry in error.errors():
                name = str(entry["loc"][0])
                if name not in fields:
                    lines.append(complaint(own, name, whole[name]))
                else:
                    lines.append(f"{name} = {whole[name]!r}: {entry['msg']}")
            raise ParameterError("\n".join(lines)) from None
        return checked


def find_notebook(name: str | Path) -> Path:
    """The file that a path or a short name means; see `Notebook.read`."""
    path = Path(name)
    if path.suffix == ".ipynb" and path.is_file():
        return path.resolve()
    here = Path.cwd()
    folders = [folder / FOLDER for folder in (here, *here.parents) if (folder / FOLDER).is_dir()]
    for folder in folders:
        found = folder / f"{path.name.removesuffix('.ipynb')}.ipynb"
        if len(path.parts) == 1 and found.is_file():
            return found
    known = sorted(found.stem for folder in folders[:1] for found in folder.glob("*.ipynb"))
    there = f"; there are {', '.join(known)}" if known else ""
    raise FileNotFoundError(
        f"there is no notebook {name}: give its path, or the short name of one in the folder "
        f"{FOLDER}{there}"
    )


@cache
def _registered_settings() -> tuple[type[CheckedModel], ...]:
    """Settings of this and other packages, those with the fewest parameters first."""
    kinds = [entry.load() for entry in entry_points(group="labkit.settings")]
    return tuple(sorted(kinds, key=lambda kind: (len(kind.model_fields), kind.__name__)))


def _assigned(path: Path, source: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Names with values and types, as a parameters cell assigns them."""
    defaults: dict[str, Any] = {}
    types: dict[str, Any] = {}
    for statement in ast.parse(source).body:
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
        except ValueError:
            raise ValueError(
                f"{path}: the default of {name} must be a plain value, got {ast.unparse(value)!r}"
            ) from None
    return defaults, types
