"""The time of a meta-step with tasks one after another, against tasks side by side.

Second order, float32, Adam; processor time on one thread. The ways take turns, round after round;
each ratio is the median over rounds of the ratio within a round. `torch.func.vmap` cannot run
`nn.LSTM` side by side; its loop is compared with the same recurrence written with `nn.Linear`,
which it can. About a minute; prints a Markdown table: python -m benchmarks.loop
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Literal

import torch
from torch import Tensor, nn

from labkit import (
    MAML,
    FunctionTasks,
    LabelledTasks,
    MetaLearner,
    Sinusoid,
    TaskFamily,
    conv4,
    sinusoid_mlp,
)

ROUNDS, WARM_UP, SECONDS = 5, 35, 0.3
HIDDEN, TIME, FEATURES = 32, 20, 4


class Fused(nn.Module):
    """`nn.LSTM`, and a number from its last output."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(FEATURES, HIDDEN, batch_first=True), nn.Linear(HIDDEN, 1)

    def forward(self, x: Tensor) -> Tensor:
        """From x, (points, time, features), to (points, 1)."""
        answer: Tensor = self.out(self.lstm(x)[0][:, -1])
        return answer


class Written(nn.Module):
    """The same recurrence, written with `nn.Linear`."""

    def __init__(self) -> None:
        super().__init__()
        self.gates, self.out = nn.Linear(FEATURES + HIDDEN, 4 * HIDDEN), nn.Linear(HIDDEN, 1)

    def forward(self, x: Tensor) -> Tensor:
        """From x, (points, time, features), to (points, 1)."""
        h = c = x.new_zeros(len(x), HIDDEN)
        for at in range(x.shape[1]):
            i, f, g, o = self.gates(torch.cat([x[:, at], h], -1)).chunk(4, -1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        answer: Tensor = self.out(h)
        return answer


def series(tasks: int, points: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random series; the target is a function of each task's own weights."""
    x = torch.randn(tasks, points, TIME, FEATURES, generator=generator)
    weights = torch.randn(tasks, 1, 1, FEATURES, generator=generator)
    return x, (x * weights).sum((2, 3))[..., None].sin()


def images() -> TaskFamily:
    """Random images of as many classes as 5-way tasks need."""
    x = torch.rand(400, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    return LabelledTasks(x, torch.arange(400) % 100, ways=5, shots=1, queries=1)


@dataclass(frozen=True, slots=True)
class Case:
    """Two learners of one case.

    Attributes:
        name: What the table calls it.
        looped: Model of the loop.
        vectorized: Model of tasks side by side.
        tasks: Makes the family.
        meta_batch: Tasks per meta-step.
        batch_norm: As `MetaLearner` takes it.
    """

    name: str
    looped: Callable[[torch.Generator], nn.Module]
    vectorized: Callable[[torch.Generator], nn.Module]
    tasks: Callable[[], TaskFamily]
    meta_batch: int
    batch_norm: Literal["transductive"] | None = None

    def learner(self, *, vectorize: bool) -> MetaLearner:
        """Tasks side by side, or one after another."""
        return MetaLearner(
            self.vectorized if vectorize else self.looped,
            self.tasks(),
            MAML(alpha=0.01),
            meta_batch=self.meta_batch,
            batch_norm=self.batch_norm,
            vectorize=vectorize,
        )


CASES = [
    Case("sinusoid, 25 tasks", sinusoid_mlp, sinusoid_mlp, lambda: Sinusoid(shots=10), 25),
    Case("conv4, 64 filters, 5-way 1-shot, 8 tasks", conv4, conv4, images, 8, "transductive"),
    Case(
        "LSTM, 32 hidden, 20 times, 10 shots, 16 tasks",
        lambda _: Fused(),
        lambda _: Written(),
        lambda: FunctionTasks(series, shots=10, queries=10),
        16,
    ),
]


def seconds(learner: MetaLearner) -> float:
    """Of one meta-step, mean over some."""
    steps, start = 0, time.process_time()
    while (passed := time.process_time() - start) < SECONDS or not steps:
        learner.step()
        steps += 1
    return passed / steps


def by_vmap(learner: MetaLearner) -> float:
    """Of one meta-step side by side that is not replayed from a recording."""
    batch = learner.held_out(learner.meta_batch)
    steps, start = 0, time.process_time()
    while (passed := time.process_time() - start) < SECONDS or not steps:
        learner.algorithm.meta_gradient(
            learner.loss_fn, learner.params, batch.support, batch.query, vectorize=True
        )
        steps += 1
    return passed / steps


def main() -> None:
    """Measure every case and print the table."""
    torch.set_num_threads(1)
    lines = [
        "| | one by one, ms | side by side, ms | replayed, ms | × side by side | × replayed |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for case in CASES:
        looped, vectorized = case.learner(vectorize=False), case.learner(vectorize=True)
        looped.train(3)
        vectorized.train(WARM_UP)
        rounds = [
            (seconds(looped), by_vmap(vectorized), seconds(vectorized)) for _ in range(ROUNDS)
        ]
        loop, vmap, replay = (1e3 * median(column) for column in zip(*rounds, strict=True))
        to_vmap, to_replay = (median(r[0] / r[k] for r in rounds) for k in (1, 2))
        lines.append(
            f"| {case.name} | {loop:.1f} | {vmap:.1f} | {replay:.1f} "
            f"| {to_vmap:.1f} | {to_replay:.1f} |"
        )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
