"""Peak memory and time of the exact meta-gradient against the number of inner steps K.

Three ways to the same gradient: the graph of all inner steps (plain), steps computed again on the
way back (`checkpoint=True`), and a few tasks at a time (`task_chunk=5`). Prints a Markdown table.
Needs Linux or macOS: python -m benchmarks.memory
"""

import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from labkit import meta_gradient
from labkit.core.types import Params

INNER_STEPS = (1, 2, 4, 8, 16, 32, 64)
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "checkpoint": {"checkpoint": True},
    "task_chunk=5": {"task_chunk": 5},
}
TASKS, POINTS, HIDDEN = 25, 100, 128


@dataclass(frozen=True, slots=True)
class Point:
    """What one process has measured.

    Attributes:
        megabytes: Peak memory of the first call, beyond that of the imports and the data.
        seconds: Processor time of a call, the least of three after the first.
    """

    megabytes: float
    seconds: float


def loss_fn(params: Params, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Mean squared error of a network 1-128-128-1."""
    x, y = batch
    x = torch.tanh(x @ params["w1"] + params["b1"])
    x = torch.tanh(x @ params["w2"] + params["b2"])
    return mse_loss(x @ params["w3"], y)


def problem() -> tuple[Params, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """θ, and support and query of sine waves, (tasks, points, 1), in float32."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"w1": (1, HIDDEN), "b1": (HIDDEN,), "w2": (HIDDEN, HIDDEN), "b2": (HIDDEN,)}
    shapes["w3"] = (HIDDEN, 1)
    params = {
        name: torch.randn(shape, generator=generator) / shape[0] ** 0.5
        for name, shape in shapes.items()
    }

    def waves() -> tuple[Tensor, Tensor]:
        x = 10 * torch.rand(TASKS, POINTS, 1, generator=generator) - 5
        return x, torch.sin(x + torch.rand(TASKS, 1, 1, generator=generator))

    return params, waves(), waves()


def measure(inner_steps: int, way: str) -> Point:
    """Take meta-gradients on one thread; to be called in a new process."""
    torch.set_num_threads(1)
    params, support, query = problem()

    def once() -> float:
        start = time.process_time()
        meta_gradient(
            loss_fn, params, support, query, alpha=0.01, inner_steps=inner_steps, **WAYS[way]
        )
        return time.process_time() - start

    base = peak_megabytes()
    once()
    peak = peak_megabytes()
    return Point(peak - base, min(once() for _ in range(3)))


def peak_megabytes() -> float:
    """The largest memory this process has had in its life."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main() -> None:
    """Measure every way with every number of inner steps, and print the table."""
    columns = [*(f"{way}, MB" for way in WAYS), "plain, s"]
    columns += [f"time of {way} / plain" for way in WAYS if way != "plain"]
    print_row(["K", *columns])
    print_row(["---:"] * (len(columns) + 1))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as fresh:
        for inner_steps in INNER_STEPS:
            points = {way: fresh.submit(measure, inner_steps, way).result() for way in WAYS}
            plain = points["plain"].seconds
            print_row(
                [
                    str(inner_steps),
                    *(f"{point.megabytes:.0f}" for point in points.values()),
                    f"{plain:.2f}",
                    *(f"{p.seconds / plain:.2f}" for way, p in points.items() if way != "plain"),
                ]
            )


def print_row(cells: list[str]) -> None:
    """Print one row of a Markdown table as soon as it is known."""
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
