"""What the benchmark of speed measures: named cases, in groups."""

from dataclasses import dataclass, replace
from itertools import product
from typing import final

from benchmarks.peers.work import Order, Work


@final
@dataclass(frozen=True, slots=True)
class Case:
    """Works that are timed in the same rounds, against the reference at the first of them.

    Attributes:
        group: Name of the kind, as `--only` takes it.
        name: Of this one.
        works: Name → work; "" where there is one alone.
    """

    group: str
    name: str
    works: dict[str, Work]


BASE = Work()
ORDERS: tuple[Order, ...] = (2, 1)


def cases() -> list[Case]:
    """All of them; times of ensembles count per learner."""
    sinusoid = [
        Case(
            "sinusoid",
            f"sinusoid, K = {inner_steps}, order {order}",
            {"": replace(BASE, inner_steps=inner_steps, order=order)},
        )
        for inner_steps, order in product((1, 5), ORDERS)
    ]
    growth = [
        Case("meta-batch", f"sinusoid, {tasks} tasks", {"": replace(BASE, meta_batch=tasks)})
        for tasks in (5, 25, 100)
    ]
    growth += [
        Case("inner steps", f"sinusoid, K = {k}", {"": replace(BASE, inner_steps=k)})
        for k in (1, 2, 5, 10)
    ]
    growth += [
        Case("width", f"sinusoid, width {width}", {"": replace(BASE, width=width)})
        for width in (40, 100, 300)
    ]
    images = Work("conv4", meta_batch=8, width=64, alphas=(0.4,))
    ensembles = {f"{n} learners": replace(BASE, alphas=_alphas(n)) for n in (1, 16, 64)}
    return [
        *sinusoid,
        Case("conv4", "conv4, 5-way 1-shot, 8 tasks", {"": images}),
        Case("ensembles", "sinusoid, per learner", ensembles),
        *growth,
    ]


def _alphas(learners: int) -> tuple[float, ...]:
    """Different step sizes around 0.01, evenly spread."""
    return tuple(0.005 + 0.01 * (i + 0.5) / learners for i in range(learners))
