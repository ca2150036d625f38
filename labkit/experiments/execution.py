"""The process of one run: papermill on one notebook, as told on standard input."""

import json
import os
import sys
from tempfile import TemporaryDirectory

import papermill


def main() -> None:
    """Execute a notebook; a failure leaves it with its traceback, and the exit code is 1."""
    given = json.load(sys.stdin)
    with TemporaryDirectory() as private:
        # kernels that start side by side race on IPython's history
        os.environ["IPYTHONDIR"] = private
        try:
            papermill.execute_notebook(
                given["notebook"],
                given["output"],
                given["parameters"],
                kernel_name="python3",
                language="python",
                progress_bar=False,
                log_output=False,
            )
        except papermill.PapermillExecutionError as error:
            sys.exit(f"{error.ename}: {error.evalue}")


if __name__ == "__main__":
    main()
