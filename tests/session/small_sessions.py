"""Small sessions, and what they must come to: a plain loop over a learner, without a session."""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from labkit import (
    ANIL,
    MAML,
    Algorithm,
    LearnedAlpha,
    MetaLearner,
    Reptile,
    Session,
    Settings,
    Sinusoid,
    Snapshot,
    sinusoid_mlp,
)
from labkit.session.settings.changes import LIVE, Change

SMALL = Settings(meta_batch=2, shots=3, alpha=0.05)

VALUES: dict[str, tuple[Any, ...]] = {
    "alpha": (0.05, 0.1, 0.2),
    "beta": (0.001, 0.02),
    "inner_steps": (0, 1, 2),
    "order": (1, 2),
    "algorithm": ("maml", "anil", "reptile"),
    "alpha_learned": ("no", "scalar", "tensor", "element"),
    "meta_optimizer": ("adam", "sgd"),
    "meta_batch": (1, 2, 3),
    "shots": (2, 3),
}
"""Values of every live setting, to be changed to at random."""

VALUE = st.sampled_from([(name, value) for name in LIVE for value in VALUES[name]])


tiny = partial(sinusoid_mlp, width=4)


def small_session(settings: Settings = SMALL, **options: Any) -> Session:
    """A session that trains quickly and tests little."""
    usual: dict[str, Any] = {
        "model": tiny,
        "tasks": Sinusoid,
        "dtype": torch.float64,
        "test_tasks": 3,
        "test_steps": 1,
    }
    return Session(settings, **(usual | options))


@dataclass(frozen=True)
class Line:
    """A line of meta-training as one writes it down: a start, changes, a length, what is chosen."""

    start: Settings
    log: tuple[Change, ...] = ()
    meta_step: int = 0
    chosen: Settings = SMALL

    def at(self, meta_step: int) -> Settings:
        """With which the meta-step after `meta_step` was taken."""
        values = {name: value for at, name, value in self.log if at <= meta_step}
        return self.start.changed(**values)

    def until(self, meta_step: int) -> "Line":
        """The beginning of the line."""
        if meta_step == self.meta_step:
            return self
        log = tuple(change for change in self.log if change[0] < meta_step)
        return Line(self.start, log, meta_step, self.at(meta_step))

    def trained(self, meta_steps: int) -> "Line":
        """The line, so much longer."""
        if meta_steps == 0:
            return self
        settings = self.at(self.meta_step - 1)
        log = self.log + tuple(
            (self.meta_step, name, getattr(self.chosen, name))
            for name in LIVE
            if getattr(self.chosen, name) != getattr(settings, name)
        )
        return Line(self.start, log, self.meta_step + meta_steps, self.chosen)


def algorithm(settings: Settings) -> Algorithm:
    """Written out by hand."""
    alpha, steps = settings.alpha, settings.inner_steps
    if settings.algorithm == "reptile":
        return Reptile(alpha=alpha, inner_steps=steps)
    learned = settings.alpha_learned
    size: Any = alpha if learned == "no" else LearnedAlpha(alpha, granularity=learned)
    if settings.algorithm == "anil":
        return ANIL(head="4.*", alpha=size, inner_steps=steps, order=settings.order)
    return MAML(alpha=size, inner_steps=steps, order=settings.order)


@lru_cache(maxsize=500)
def reference(line: Line) -> tuple[dict[str, Tensor], Any, list[float]]:
    """θ, α and the losses after adaptation, by a plain loop over a learner."""
    settings = line.start
    learner = MetaLearner(
        tiny,
        Sinusoid(shots=settings.shots),
        algorithm(settings),
        beta=settings.beta,
        meta_optimizer=settings.meta_optimizer,
        meta_batch=settings.meta_batch,
        seed=settings.seed,
        dtype=torch.float64,
    )
    losses = []
    for meta_step in range(line.meta_step):
        if line.at(meta_step) != settings:
            settings = line.at(meta_step)
            learner.tasks = Sinusoid(shots=settings.shots)
            learner.meta_batch = settings.meta_batch
            learner.meta_optimizer = settings.meta_optimizer
            learner.beta = settings.beta
            learner.algorithm = algorithm(settings)
        losses.append(learner.step().loss_after)
    return learner.params, learner.alpha, losses


def same(one: Any, two: Any) -> bool:
    """Bit-equal numbers, tensors, and dicts of tensors."""
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(value, two[key]) for key, value in one.items())
    return torch.equal(torch.as_tensor(one), torch.as_tensor(two))


def same_session(one: Snapshot, two: Snapshot) -> bool:
    """Bit-equal in all that a session computes, and the same log and choices."""
    return (
        (one.meta_step, one.settings, one.events) == (two.meta_step, two.settings, two.events)
        and same(one.params, two.params)
        and same(one.alpha, two.alpha)
        and one.curve.loss_after.tolist() == two.curve.loss_after.tolist()
        and one.curve.loss_before.tolist() == two.curve.loss_before.tolist()
        and torch.equal(one.task_stream, two.task_stream)
    )


def follows(snapshot: Snapshot, line: Line) -> None:
    """Assert that a session is where a line leads."""
    params, alpha, losses = reference(Line(line.start, line.log, line.meta_step))
    assert snapshot.meta_step == line.meta_step
    assert snapshot.settings == line.chosen
    assert same(snapshot.params, params)
    if line.chosen == line.at(line.meta_step - 1):
        assert same(snapshot.alpha, alpha)
    seen = [(event.meta_step, event.name, event.value) for event in snapshot.events]
    if snapshot.meta_step == snapshot.last_step:
        assert snapshot.curve.loss_after.tolist() == losses
        assert seen == list(line.log)


def headless(session: Session) -> Snapshot:
    """What the session's recipe comes to in a fresh one."""
    recipe = session.recipe()
    fresh = small_session(recipe.settings)
    fresh.run(recipe.meta_step)
    return fresh.snapshot()
