"""Outputs of an executed notebook: the result under a MIME type of its own, and its figure."""

import json

import plotly.graph_objects as go
from IPython.display import display

from labkit.experiments.runs.result import MIME_TYPE, Result
from labkit.figures import lab_figure, lab_view
from labkit.session import Session


def record_result(result: Result) -> None:
    """Record a result in the notebook's output, where `read_result` finds it."""
    display({MIME_TYPE: result.to_json(), "text/plain": result.table()}, raw=True)


def show_result(session: Session) -> go.Figure:
    """Display the lab's figure for a session as it is now, plain Plotly, and return it.

    The output holds the figure for viewers with Plotly, the same as a web page for those with
    scripts only, and the adaptation curve as text for the others.
    """
    view = lab_view(session)
    figure = lab_figure(view)
    curve = view.adaptation.curve
    display(
        {
            "application/vnd.plotly.v1+json": json.loads(figure.to_json()),
            "text/html": figure.to_html(full_html=False, include_plotlyjs="cdn"),
            "text/plain": f"query loss after 0 … {len(curve.mean) - 1} inner steps: "
            + " ".join(f"{loss:.3f}" for loss in curve.mean.tolist()),
        },
        raw=True,
    )
    return figure
