"""Time and memory of a meta-step, by order and K."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from labkit.figures.instruments.grid import Plot, grid_figure, on
from labkit.figures.style import algorithm_color
from labkit.session import Cost

NAMES = {1: "first-order", 2: "exact"}
TIME, MEMORY = range(2)
LAYOUTS = {0: ((TIME,), (MEMORY,)), 520: ((TIME, MEMORY),)}


def cost_figure(costs: Sequence[Cost]) -> go.Figure:
    """Milliseconds of a meta-step and megabytes of a meta-gradient over K, for each order.

    Args:
        costs: From `labkit.measure_costs`.
    """
    traces = []
    for order in sorted({cost.order for cost in costs} or {1, 2}):
        own = [cost for cost in costs if cost.order == order]
        color = algorithm_color("maml", order)
        common: dict[str, Any] = {
            "name": NAMES[order],
            "x": [cost.inner_steps for cost in own],
            "mode": "lines+markers",
            "line": {"color": color},
        }
        times = [1000 * cost.step.seconds for cost in own]
        sizes = [cost.step.memory / 1e6 for cost in own]
        traces += [
            go.Scatter(y=times, hovertemplate="%{y:.3g} ms", **common, **on(TIME)),
            go.Scatter(
                y=sizes, hovertemplate="%{y:.3g} MB", showlegend=False, **common, **on(MEMORY)
            ),
        ]
    steps = {"title": "K", "dtick": 1}
    return grid_figure(
        [
            Plot(steps, {"title": "ms per meta-step", "rangemode": "tozero"}),
            Plot(steps, {"title": "memory, MB", "rangemode": "tozero", "tickformat": "~g"}),
        ],
        traces,
        LAYOUTS,
    )


def cost_words(costs: Sequence[Cost]) -> list[str]:
    """What the last numbers say: exact over first-order, and how they were timed."""
    by = {(cost.order, cost.inner_steps): cost.step for cost in costs}
    pairs = [(by[1, k], by[2, k], k) for order, k in by if order == 2 and (1, k) in by]
    if not pairs:
        return [] if not costs else [f"{len(costs)} measured"]
    first, exact, k = pairs[-1]
    kind = "replayed" if exact.replayed else "not replayed yet: later ones are faster"
    return [
        f"K = {k}: exact takes {exact.seconds / first.seconds:.2g} × the time and "
        f"{exact.memory / first.memory:.2g} × the memory of first-order",
        f"median of {exact.meta_steps} meta-steps, {kind}",
    ]
