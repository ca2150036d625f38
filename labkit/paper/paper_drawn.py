"""The paper's table drawn: all curves of its runs, with the published numbers."""

import numpy as np
import plotly.graph_objects as go

from labkit.experiments import Folders, load_curves, mean_interval
from labkit.figures import MethodCurve, paper_figure
from labkit.paper.paper_run import STEP_SIZES, TABLE
from labkit.paper.paper_verdicts import METHODS, PUBLISHED


def paper_view(folders: Folders) -> go.Figure:
    """The loss over inner steps for 5, 10 and 20 shots, with bands over seeds.

    "constant" step sizes are left out, since a few tasks carry their mean to infinity.

    Args:
        folders: As for `paper_table`.

    Raises:
        FileNotFoundError: A folder does not exist.
        ValueError: No run is done, or one is of another notebook.
    """
    frame = load_curves(folders, TABLE)
    frame = frame[frame["step_sizes"] != STEP_SIZES.index("constant")]
    curves = []
    for method in METHODS:
        for shots, part in frame[frame["method"] == method].groupby("test_shots"):
            means = [
                mean_interval(losses.to_numpy())
                for _, losses in part.groupby("inner_step", sort=True)["query_loss"]
            ]
            published = {k: v for (m, s, k), v in PUBLISHED.items() if (m, s) == (method, shots)}
            curves.append(
                MethodCurve(
                    method,
                    method.replace("_", " "),
                    int(shots),
                    np.array([mean.mean for mean in means]),
                    np.array([mean.ci95 for mean in means]),
                    published,
                )
            )
    return paper_figure(curves)
