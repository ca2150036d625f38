"""Small views of a lab with all that its figures can show."""

import numpy as np
import plotly.graph_objects as go
import torch

from labkit import AdaptationCurve, Event, Portrait, Settings, Tides, TrainingCurve
from labkit.figures.lab import LabView, lab_figures, show_lab
from labkit.figures.panels.adaptation import AdaptationPanel
from labkit.figures.panels.ghosts import GhostCurve
from labkit.figures.panels.stretches import Stretch
from labkit.figures.style.palette import AFTER, algorithm_color


def curve(*mean: float) -> AdaptationCurve:
    values = torch.tensor(mean, dtype=torch.float64)
    return AdaptationCurve(
        mean=values,
        ci95=0.1 * values,
        median=0.5 * values,
        diverged=torch.zeros_like(values),
        tasks=10,
    )


def losses(*after: float) -> TrainingCurve:
    steps = np.arange(1.0, len(after) + 1)
    return TrainingCurve(
        meta_step=10 * steps,
        loss_before=2 * np.array(after),
        loss_after=np.array(after),
        seconds=steps**2 / 10,
    )


def portrait(steps: int = 2) -> Portrait:
    x = torch.linspace(-1, 1, 5, dtype=torch.float64)
    return Portrait(
        x=x,
        truth=x,
        predictions=torch.arange(steps + 1.0, dtype=torch.float64)[:, None] * torch.ones(5),
        support_x=x[:2],
        support_y=x[:2],
    )


def tide_portrait(seed: int = 0) -> Portrait:
    task = Tides().sample(1, torch.Generator().manual_seed(seed))
    return Tides().portrait(task, [torch.zeros_like] * 2)


def full_view(algorithm: str = "reptile") -> LabView:
    """Curves, ghosts of every algorithm, a baseline, changes."""
    looks = [("maml", 2), ("maml", 1), ("anil", 2), ("imaml", 2), ("proto_maml", 2)]
    colors = [algorithm_color(*look) for look in looks]
    return LabView(
        adaptation=AdaptationPanel(
            curve(4.0, 2.0, 1.0),
            curve(5.0, 5.0, 5.0),
            inner_steps=1,
            label="Reptile",
            color=algorithm_color(algorithm),
            ghosts=tuple(GhostCurve(c, c, curve(3.0, 2.5, 2.0)) for c in colors),
            baseline=(4.2, "best constant"),
        ),
        portrait=portrait(10),
        training=losses(4.0, 3.0, 2.0, 1.0),
        events=(Event(20, "alpha", 0.02), Event(30, "algorithm", "reptile")),
        settings=Settings(alpha=0.02),
        ghosts=tuple(GhostCurve(c, c, losses(3.0, 2.0)) for c in colors),
        stretches=(Stretch(0, AFTER, "MAML"), Stretch(30, algorithm_color("reptile"), "Reptile")),
    )


def shown_figures(view: LabView) -> dict[str, go.Figure]:
    figures = lab_figures(view.portrait)
    show_lab(figures, view)
    return figures


def trace(figure: go.Figure, name: str) -> go.Scatter:
    (match,) = (each for each in figure.data if each.name == name)
    return match
