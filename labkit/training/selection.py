"""Choose by validation: keep the state of the meta-step that does best on validation tasks."""

from collections.abc import Callable
from math import inf, isnan
from typing import Any, final

from labkit.core import check_count
from labkit.training.held_out import HELD_OUT, on_split
from labkit.training.learner_view import LearnerView, Selection
from labkit.training.model import stream
from labkit.training.step import MetaStep, draw


def validation_score(learner: LearnerView) -> float:
    """The mean query loss after K steps on validation tasks that are always the same."""
    family = on_split(learner.tasks, "validation")
    # a separate stream: without splits too, no task is also one of the test
    batch = draw(family, HELD_OUT, stream(learner.seed, "validation"), learner.params)
    return float(learner.curve_on(batch, learner.current_algorithm().inner_steps).mean[-1])


@final
class Selector:
    """Looks at a learner now and then, and keeps its best state.

    Args:
        every: Meta-steps between two looks, ≥ 1.
        patience: Looks without improvement after which to stop, ≥ 1; None: never.

    Raises:
        ValueError: An argument is out of its range.

    Example:
        >>> selector = Selector(every=10, patience=2)
        >>> [selector.look(10 * i, score, dict) for i, score in enumerate([3.0, 1.0, 2.0, 1.5])]
        [True, True, True, False]
        >>> selector.selection().best
        10
    """

    def __init__(self, every: int, patience: int | None) -> None:
        check_count("validate_every", every, 1)
        if patience is not None:
            check_count("patience", patience, 1)
        self.every = every
        self.state: dict[str, Any] = {}
        """The best so far."""
        self._patience = inf if patience is None else patience
        self._looks: list[tuple[int, float]] = []
        self._best = (0, inf)
        self._since = 0

    def look(self, meta_step: int, score: float, state: Callable[[], dict[str, Any]]) -> bool:
        """Take note of a score; whether to continue.

        Args:
            meta_step: Meta-steps so far.
            score: The lowest is best; nan counts as infinite.
            state: Gives the learner's state.
        """
        score = inf if isnan(score) else score
        better = not self._looks or score < self._best[1]
        self._looks.append((meta_step, score))
        self._since = 0 if better else self._since + 1
        if better:
            self._best, self.state = (meta_step, score), state()
        return self._since < self._patience

    def selection(self) -> Selection:
        """What has been chosen."""
        meta_steps, scores = zip(*self._looks, strict=True)
        stopped = self._since >= self._patience
        return Selection(meta_steps, scores, self._best[0], stopped)


def train_selecting(
    learner: LearnerView,
    meta_steps: int,
    train: Callable[[int], list[MetaStep]],
    select_by: object,
    validate_every: int,
    patience: int | None,
) -> list[MetaStep]:
    """Train, look now and then, and end with the best state; `learner.selection` says which.

    Args:
        learner: Is trained.
        meta_steps: At most so many.
        train: Takes some meta-steps of the learner.
        select_by: As for `MetaLearner.train`, and the others.
        validate_every: Meta-steps between two looks.
        patience: Looks without improvement after which to stop.

    Raises:
        ValueError: An argument is out of its range.
    """
    if select_by is None:
        raise ValueError("patience is for select_by: give select_by='validation'")
    if select_by != "validation" and not callable(select_by):
        raise ValueError(
            "select_by must be 'validation' or a function of the learner that gives a number, "
            f"lowest for the best, got {select_by!r}"
        )
    score = select_by if callable(select_by) else validation_score
    selector = Selector(validate_every, patience)
    steps: list[MetaStep] = []
    try:
        while (
            selector.look(learner.meta_step, float(score(learner)), learner.state)
            and len(steps) < meta_steps
        ):
            steps += train(min(validate_every, meta_steps - len(steps)))
    finally:
        if selector.state:
            learner.restore(selector.state)
            learner.selection = selector.selection()
    return steps
