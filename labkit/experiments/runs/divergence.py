"""An extension of IPython for the kernels of runs: a training that diverges leaves a result.

The cell that trains raises `DivergedError`, which ends the notebook before it measures anything.
What the session had reached is measured and recorded in the outputs of that cell.
"""

from typing import Any


def load_ipython_extension(shell: Any) -> None:
    """Watch the cells of a kernel; called by IPython."""
    shell.events.register("post_run_cell", _record)


def _record(execution: Any) -> None:
    session = getattr(execution.error_in_exec, "session", None)
    if session is None or type(execution.error_in_exec).__name__ != "DivergedError":
        return
    # a kernel whose notebook trains nothing needs no torch
    from labkit.experiments.runs.measurement import measure, record_result  # noqa: PLC0415

    record_result(measure(session))
