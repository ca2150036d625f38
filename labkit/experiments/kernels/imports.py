"""What runs that are forked share: all that a notebook may import, imported once."""

import gc
import importlib
from collections.abc import Iterator

import plotly.graph_objects as go

import labkit

LAZY_IMPORTS = ("torch._dynamo", "torch.optim")
"""torch imports these at first use."""


def import_everything() -> Iterator[None]:
    """Import what is otherwise imported at first use; pauses after each name."""
    for name in LAZY_IMPORTS:
        importlib.import_module(name)
        yield
    for room in (labkit, labkit.paper):
        for name in dir(room):
            getattr(room, name)
            yield
    go.Figure(go.Scatter(x=[0], y=[0])).to_html()  # plotly, too, imports much at first use
    gc.collect()
    gc.freeze()  # imported objects are never collected, and their memory remains shared
