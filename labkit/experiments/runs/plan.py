"""What a run will be: notebook and parameters, and the name that follows from them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.experiments.runs.notebooks import Notebook
from labkit.version import __version__

ID_LETTERS = 16


@dataclass(frozen=True, slots=True)
class Plan:
    """A run that may be made, with all its parameters.

    Attributes:
        notebook: What is executed.
        parameters: Name → checked value, defaults included.
    """

    notebook: Notebook
    parameters: Mapping[str, Any]

    @classmethod
    def of(cls, notebook: str | Path | Notebook, values: Mapping[str, object]) -> "Plan":
        """A run of a notebook with these parameters and its own defaults for the others.

        Raises:
            FileNotFoundError: There is no such notebook.
            ParameterError: A value is not allowed, or a name is unknown.

        Example:
            >>> Plan.of("01_sinusoid", {"alpha": 0.02}).parameters["alpha"]
            0.02
        """
        read = notebook if isinstance(notebook, Notebook) else Notebook.read(notebook)
        return cls(read, read.checked(values))

    @property
    def id(self) -> str:
        """A hash of the notebook's source, the parameters and labkit's version."""
        whole = [self.notebook.source, self.parameters, __version__]
        text = json.dumps(whole, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:ID_LETTERS]
