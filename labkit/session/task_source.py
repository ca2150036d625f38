"""What a session checks of its tasks before it begins."""

import inspect

from labkit.session.settings import Settings
from labkit.training import MetaLearner


def check_task_source(tasks: object, settings: Settings) -> None:
    """Refuse what is no function that makes a task family from settings.

    Raises:
        ValueError: It is none, or does not take what these settings say of a task.
    """
    names = ", ".join(settings.task_options)
    if not callable(tasks):
        raise ValueError(
            f"tasks must be a function from {names} to a task family, such as Sinusoid, got "
            f"{tasks!r}; for one that is made already give `lambda {names}: family`"
        )
    try:
        inspect.signature(tasks).bind(**settings.task_options)
    except TypeError as error:
        raise ValueError(
            f"tasks must take {names} by name, as {type(settings).__name__} has them, and {tasks!r}"
            f" does not: {error}"
        ) from error


def check_held_out(learner: MetaLearner) -> None:
    """Draw a task of each split, so that one with too few classes says so before the training.

    Raises:
        ValueError: There are none to be drawn.
    """
    for split in ("validation", "test"):
        try:
            learner.held_out(1, split=split)
        except ValueError as error:
            raise ValueError(f"no {split} tasks can be drawn: {error}") from error
