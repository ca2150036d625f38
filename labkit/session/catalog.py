"""Task families and models that a session can be switched to by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from labkit.session.settings import ClassificationSettings, ParameterError, Settings
from labkit.session.source import Source, same_source
from labkit.tasks.emoji import Emoji
from labkit.tasks.family import TaskFamily
from labkit.tasks.image_networks import conv4, image_mlp
from labkit.tasks.networks import regression_mlp, sinusoid_mlp, tide_mlp
from labkit.tasks.sinusoid import Sinusoid
from labkit.tasks.tides import Tides
from labkit.training.parameters import ModelSource

CUSTOM = "custom"
"""What a task family or a model goes by that is not in the catalogue."""

ModelOf = Callable[[Settings], ModelSource]


@dataclass(frozen=True, slots=True)
class Problem:
    """A task family with the models that fit it, and settings that go well with it.

    Attributes:
        tasks: As for `Session`.
        models: Name → model for given settings; the first is the usual one.
        settings: To begin with.
        source: How its sessions are made, see `Source`; model and tasks are put in.
    """

    tasks: Callable[..., TaskFamily]
    models: Mapping[str, ModelOf]
    settings: Settings
    options: Mapping[str, object] = field(default_factory=dict)
