"""Recipes: what they may say, and how they name tasks and models."""

import inspect
import math
from functools import partial
from typing import Any

import pytest
import torch

import labkit.tasks
from labkit import (
    ClassificationSettings,
    Emoji,
    ParameterError,
    Recipe,
    Settings,
    Sinusoid,
    Tides,
    conv4,
    sinusoid_mlp,
)
from labkit.session.sharing.named_sources import MODELS, TASKS, name_of, source_named


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (Sinusoid, "Sinusoid"),
        (sinusoid_mlp, "sinusoid_mlp"),
        (partial(conv4, ways=3, channels=3), "conv4(ways=3, channels=3)"),
        (partial(partial(conv4, ways=3), channels=3), "conv4(ways=3, channels=3)"),
        (partial(Sinusoid), "Sinusoid"),
        (partial(Sinusoid, amplitude=(-1.0, 1e-05), oracle=True),
         "Sinusoid(amplitude=(-1.0, 1e-05), oracle=True)"),
        (partial(labkit.Omniglot, rotations=None), "Omniglot(rotations=None)"),
    ],
)  # fmt: skip
def test_a_name_leads_back_to_what_it_names(source: Any, name: str) -> None:
    assert name_of(source) == name
    again: Any = source_named(name)
    if isinstance(source, partial) and source.keywords:
        assert (again.func, again.keywords) == (source.func, source.keywords)
    else:
        assert again is getattr(labkit, name)


def test_a_named_source_makes_the_same_model() -> None:
    recipes = [
        source(torch.Generator().manual_seed(3)).state_dict()
        for source in (partial(conv4, ways=3), source_named(name_of(partial(conv4, ways=3))))
    ]
    assert all(torch.equal(recipes[0][name], recipes[1][name]) for name in recipes[0])


def impostor(**_: object) -> None:
    """A function that calls itself as one of labkit's does."""


impostor.__name__ = "Sinusoid"


@pytest.mark.parametrize(
    "source",
    [
        lambda shots: Sinusoid(shots, queries=3),
        impostor,
        torch.nn.Linear(1, 1),
        Sinusoid(shots=3),
        Settings,
        partial(Sinusoid, 5),
        partial(Sinusoid, amplitude=[1.0, 2.0]),  # type: ignore[arg-type]
        partial(Sinusoid, amplitude=(0.0, math.inf)),
        partial(labkit.Omniglot, folder="/somewhere"),
        partial(impostor, queries=3),
        None,
    ],
)
def test_what_is_not_of_labkit_is_custom(source: Any) -> None:
    assert name_of(source) == "custom"


def _takes_shots(source: Any) -> bool:
    return "shots" in inspect.signature(source).parameters


def test_all_families_and_models_that_need_nothing_else_have_names() -> None:
    """Those that a session can make from settings alone, or from a generator."""
    families, models = [], []
    for name in labkit.tasks.__all__:
        thing = getattr(labkit.tasks, name)
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        if getattr(thing, "_is_protocol", False):
            continue
        required = [
            p.name for p in inspect.signature(thing).parameters.values() if p.default is p.empty
        ]
        if required == ["generator"]:
            models.append(name)
        if isinstance(thing, type) and not required and not inspect.isabstract(thing):
            families.append(name)
        if inspect.isfunction(thing) and not required and _takes_shots(thing):
            families.append(name)
    assert sorted(families) == sorted(TASKS)
    assert sorted(models) == sorted(MODELS)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"settings": {"alpha": 1}}, "settings = {'alpha': 1}: must be Settings or Classif"),
        ({"meta_step": -1}, "meta_step = -1: must be a whole number ≥ 0"),
        ({"meta_step": True}, "meta_step = True: must be a whole number"),
        ({"meta_step": 1.0}, "meta_step = 1.0: must be a whole number"),
        ({"meta_step": 2**63}, "meta_step = 9223372036854775808: must be .* < 9223372036854775808"),
        ({"dtype": torch.float64}, "dtype = torch.float64: must be 'float16' or .* or None"),
        ({"dtype": ["float64"]}, r"dtype = \['float64'\]: must be"),
        ({"batch_norm": "per_step"}, "batch_norm = 'per_step': must be 'transductive' or None"),
        ({"tasks": "sinusoid_mlp"}, "tasks = 'sinusoid_mlp': must be 'custom' or one of Sinusoid"),
        ({"tasks": None}, "tasks = None: must be 'custom' or one of Sinusoid, Tides, Emoji"),
        ({"model": "Sinusoid"}, "model = 'Sinusoid': must be 'custom' or one of sinusoid_mlp"),
        ({"model": "Session"}, "'Session' names no tasks or model of this labkit, which has Sin"),
        ({"model": ""}, "'' names no tasks or model"),
        ({"model": "conv4(5)"}, "names no tasks or model"),
        ({"model": "conv4(**{})"}, "names no tasks or model"),
        ({"model": "conv4(ways=[3])"}, "names no tasks or model"),
        ({"model": "conv4(ways=open('x'))"}, "names no tasks or model"),
        ({"model": "conv4; import os"}, "names no tasks or model"),
        ({"model": "__import__('os').system"}, "names no tasks or model"),
        ({"model": "(" * 5000}, "names no tasks or model"),
        ({"model": "conv4(colours=3)"}, "^model = .*colours"),
        ({"tasks": "Sinusoid(colours=3)"}, "^tasks = .*colours"),
        ({"tasks": "Omniglot(folder='/etc')"}, "names no tasks or model"),
    ],
)
def test_one_clear_error(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        Recipe(**{"settings": Settings(), **values})


def test_tasks_take_the_settings() -> None:
    with pytest.raises(ParameterError, match=r"^tasks = 'Sinusoid': tasks must take ways, shots"):
        Recipe(ClassificationSettings(), tasks="Sinusoid")
    assert Recipe(ClassificationSettings(), tasks=name_of(Emoji)).tasks == "Emoji"
    assert Recipe(Settings(), tasks=name_of(Tides)).tasks == "Tides"


def test_custom_has_to_be_given_by_hand() -> None:
    with pytest.raises(ParameterError, match=r"custom names no tasks .* given by hand"):
        source_named("custom")
