"""From settings to algorithms: what is made of them, what of them counts, what it is called."""

from typing import Any, get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations

from labkit import (
    ANIL,
    IMAML,
    MAML,
    ClassificationSettings,
    LearnedAlpha,
    MetaLearner,
    ParameterError,
    ProtoMAML,
    Reptile,
    Settings,
    Sinusoid,
    image_mlp,
    sinusoid_mlp,
)
from labkit.core.checks import matching
from labkit.session.settings.resolve import algorithm_of, label, unused

NAMES = [name for name, _ in sinusoid_mlp(torch.Generator()).named_parameters()]
KINDS = {"maml": MAML, "anil": ANIL, "reptile": Reptile, "imaml": IMAML, "proto_maml": ProtoMAML}


@pytest.mark.parametrize("name", KINDS)
def test_each_name_makes_its_algorithm_with_the_values_chosen(name: str) -> None:
    settings = ClassificationSettings.checked(
        {"algorithm": name, "alpha": 0.3, "inner_steps": 4, "order": 1}
    )
    algorithm = algorithm_of(settings, NAMES)
    assert type(algorithm) is KINDS[name]
    assert (algorithm.alpha, algorithm.inner_steps) == (0.3, 4)
    assert getattr(algorithm, "order", 1) == 1


def test_every_algorithm_on_offer_is_tried() -> None:
    assert set(get_args(ClassificationSettings.model_fields["algorithm"].annotation)) == set(KINDS)


@pytest.mark.parametrize("granularity", ["scalar", "tensor", "element"])
@pytest.mark.parametrize("name", KINDS)
def test_alpha_is_learned_where_the_algorithm_has_a_gradient_in_it(
    name: str, granularity: str
) -> None:
    settings = ClassificationSettings.checked(
        {"algorithm": name, "alpha": 0.3, "alpha_learned": granularity}
    )
    learned = name not in {"reptile", "imaml"}
    expected: Any = LearnedAlpha(0.3, granularity=granularity) if learned else 0.3  # type: ignore[arg-type]
    assert algorithm_of(settings, NAMES).alpha == expected
    assert ("alpha" in unused(settings)) is learned
    assert ("alpha_learned" in unused(settings)) is not learned


@given(
    st.sampled_from([0.0, 1e-12, 0.5]),
    st.integers(0, 3),
    st.sampled_from([1, 2]),
    st.sampled_from(sorted(KINDS)),
    st.sampled_from(["no", "scalar", "tensor", "element"]),
)
def test_what_settings_allow_the_core_takes(
    alpha: float, inner_steps: int, order: int, algorithm: str, alpha_learned: str
) -> None:
    values = {
        "alpha": alpha,
        "inner_steps": inner_steps,
        "order": order,
        "algorithm": algorithm,
        "alpha_learned": alpha_learned,
    }
    try:
        settings = ClassificationSettings.checked(values)
    except ParameterError:
        assert alpha == 0
        assert alpha_learned != "no"
        return
    assert type(algorithm_of(settings, NAMES)) is KINDS[algorithm]


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(1, 3), nn.Tanh())
        self.heads = nn.ModuleDict({"left[0]*": nn.Linear(3, 1), "after": nn.Identity()})


@pytest.mark.parametrize(
    ("model", "head"),
    [
        (sinusoid_mlp(torch.Generator()), {"4.weight", "4.bias"}),
        (image_mlp(torch.Generator()), {"head.weight", "head.bias"}),
        (
            nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.Linear(1, 1, bias=False), nn.Tanh())),
            {"1.0.weight"},
        ),
        (nn.Linear(1, 1), {"weight", "bias"}),
        (Nested(), {"heads.left[0]*.weight", "heads.left[0]*.bias"}),
        (
            nn.Sequential(nn.Linear(1, 1), parametrizations.weight_norm(nn.Linear(2, 1))),
            {
                "1.bias",
                "1.parametrizations.weight.original0",
                "1.parametrizations.weight.original1",
            },
        ),
        (nn.Sequential(*(nn.Linear(1, 1) for _ in range(12))), {"11.weight", "11.bias"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_head_is_the_last_module_with_parameters(model: nn.Module, head: set[str]) -> None:
    params: dict[str, torch.Tensor] = dict(model.named_parameters())
    anil = algorithm_of(Settings(algorithm="anil"), list(params))
    assert isinstance(anil, ANIL)
    assert matching(params, anil.head, "head") == head


def test_a_head_whose_name_has_signs_of_patterns_is_found_literally() -> None:
    names = ["lefta.weight", "left[ab].weight", "x?y.weight", "xzy.weight", "left[ab].bias"]
    anil = algorithm_of(Settings(algorithm="anil"), names)
    result = matching(dict.fromkeys(names, torch.zeros(1)), anil.head, "head")  # type: ignore[attr-defined]
    assert result == {"left[ab].weight", "left[ab].bias"}


def test_a_learner_takes_each_algorithm() -> None:
    for name in ("maml", "anil", "reptile", "imaml"):
        settings = Settings.checked({"algorithm": name, "alpha_learned": "element"})
        learner = MetaLearner(
            sinusoid_mlp, Sinusoid(shots=2), algorithm_of(settings, NAMES), meta_batch=2
        )
        assert learner.step().loss_after < float("inf"), name


def test_what_does_not_count() -> None:
    assert unused(Settings()) == {}
    assert unused(ClassificationSettings(algorithm="proto_maml")) == {}
    assert unused(Settings(algorithm="imaml")) == {
        "order": "not used by iMAML",
        "alpha_learned": "iMAML has no gradient in α",
    }
    assert set(unused(Settings(inner_steps=0))) == {"order", "alpha_learned"}
    assert unused(Settings(algorithm="reptile", inner_steps=0))["order"] == "not used by Reptile"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "MAML"),
        ({"order": 1}, "first-order MAML"),
        ({"algorithm": "anil", "order": 1}, "first-order ANIL"),
        ({"algorithm": "reptile", "order": 1, "alpha_learned": "scalar"}, "Reptile"),
        ({"algorithm": "imaml"}, "iMAML"),
        ({"alpha_learned": "scalar"}, "MAML, α learned"),
        ({"alpha_learned": "tensor", "order": 1}, "first-order MAML, α per tensor"),
        ({"alpha_learned": "element"}, "MAML, α per element"),
        ({"algorithm": "proto_maml"}, "Proto-MAML"),
    ],
)
def test_labels(values: dict[str, Any], words: str) -> None:
    assert label(ClassificationSettings.checked(values)) == words
