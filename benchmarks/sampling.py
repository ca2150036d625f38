"""The share of a meta-step that goes into drawing its tasks, for each family.

Median times on one thread; about a minute. Prints a Markdown table; Omniglot is left out unless
its data is on this machine already: python -m benchmarks.sampling
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import plotly.data
import torch
from torch import Tensor

from labkit import (
    MAML,
    Emoji,
    FunctionTasks,
    LabelledTasks,
    MetaLearner,
    Omniglot,
    Sinusoid,
    TableTasks,
    TaskFamily,
    Tides,
    conv4,
    sinusoid_mlp,
    tide_mlp,
)
from labkit.tasks.images.omniglot_files import data_folder
from labkit.training import draw

WARM_UP, LEAST_REPEATS, SECONDS = 3, 10, 5.0
ALLOWED = 0.1
"""The largest share that is taken as small."""


@dataclass(frozen=True, slots=True)
class Case:
    """A family with its usual network.

    Attributes:
        name: What the table calls it.
        tasks: Makes the family.
        model: Makes the network.
        alpha: α.
        meta_batch: Tasks per meta-step.
        batch_norm: As `MetaLearner` takes it.
    """

    name: str
    tasks: Callable[[], TaskFamily]
    model: Callable[[torch.Generator], torch.nn.Module]
    alpha: float
    meta_batch: int
    batch_norm: Any = None


def images(name: str, tasks: Callable[[], TaskFamily], channels: int, meta_batch: int) -> Case:
    """A case with conv4."""
    model = partial(conv4, ways=5, channels=channels)
    return Case(name, tasks, model, 0.4, meta_batch, "transductive")


def lines(tasks: int, points: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Straight lines, as a user might draw them."""
    x = torch.rand(tasks, points, 1, generator=generator)
    slope, height = torch.rand(2, tasks, 1, 1, generator=generator)
    return x, slope * x + height


def countries() -> TableTasks:
    """Life expectancy in each country of Gapminder."""
    return TableTasks(plotly.data.gapminder(), "country", ["year"], "lifeExp")


def noise() -> LabelledTasks:
    """Images of 300 classes, 20 each."""
    pixels = torch.rand(6000, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    return LabelledTasks(pixels, torch.arange(6000) % 300)


CASES = [
    Case("Sinusoid, 10 shots", Sinusoid, sinusoid_mlp, 0.01, 25),
    Case("Tides, 10 shots", Tides, tide_mlp, 0.05, 25),
    images("Emoji, 5-way 1-shot", Emoji, 3, 8),
    images("Emoji, 5-way 5-shot", partial(Emoji, shots=5, queries=1), 3, 8),
    Case("FunctionTasks, straight lines", partial(FunctionTasks, lines), sinusoid_mlp, 0.01, 25),
    Case("TableTasks, Gapminder", countries, sinusoid_mlp, 0.01, 25),
    images("LabelledTasks, 28×28 images", noise, 1, 32),
]
OMNIGLOT = images("Omniglot, 5-way 1-shot", Omniglot, 1, 32)


def seconds(call: Callable[[], object]) -> float:
    """Median time of a call, after some that are not counted."""
    for _ in range(WARM_UP):
        call()
    times: list[float] = []
    while len(times) < LEAST_REPEATS or sum(times) < SECONDS:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return median(times)


def main() -> None:
    """Measure every family, and print the table."""
    torch.set_num_threads(1)
    there = (data_folder(None) / "omniglot").is_dir()
    print_row(["tasks", "meta-batch", "sampling, ms", "meta-step, ms", "share", "< 10 %"])
    print_row(["---", *["---:"] * 5])
    for case in [*CASES, *[OMNIGLOT] * there]:
        tasks = case.tasks()
        learner = MetaLearner(
            case.model,
            tasks,
            MAML(alpha=case.alpha),
            meta_batch=case.meta_batch,
            batch_norm=case.batch_norm,
        )
        generator, theta = torch.Generator().manual_seed(0), learner.params
        sampling = seconds(partial(draw, tasks, case.meta_batch, generator, theta))
        step = seconds(learner.step)
        print_row(
            [
                case.name,
                str(case.meta_batch),
                f"{1000 * sampling:.2f}",
                f"{1000 * step:.1f}",
                f"{100 * sampling / step:.1f} %",
                "yes" if sampling < ALLOWED * step else "no",
            ]
        )


def print_row(cells: list[str]) -> None:
    """Print one row of a Markdown table as soon as it is known."""
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
