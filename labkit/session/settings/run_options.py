"""What a headless notebook gets besides its settings; it changes no result."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from labkit.session.settings.parameters import CheckedModel

FOLDER_VARIABLE = "LABKIT_CHECKPOINT"
"""Environment variable with the folder for checkpoints; without it none are written."""

EVERY_VARIABLE = "LABKIT_CHECKPOINT_EVERY"
"""Environment variable with the seconds between two of them."""

CHECKPOINT_SECONDS = 60.0


class RunOptions(CheckedModel):
    """Parameters that papermill may give to every notebook that reads its settings.

    Example:
        >>> RunOptions(checkpoint="out.checkpoint")
        RunOptions(checkpoint='out.checkpoint')
    """

    checkpoint: str = Field(
        min_length=1, description="folder for checkpoints, from which an interrupted run continues"
    )


def adopt_run_options(values: Mapping[str, Any]) -> None:
    """Check values of run options, and let this process train by them.

    Raises:
        ParameterError: A value is not allowed.
    """
    options = RunOptions.checked(dict(values))
    os.environ[FOLDER_VARIABLE] = str(Path(options.checkpoint).resolve())
