"""Settings: what is allowed, and what is said of what is not."""

import math
from typing import Any

import pytest

from labkit import ClassificationSettings, ParameterError, Settings, notebook_settings
from labkit.session.settings import allowed


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("alpha", -1, "alpha = -1: must be a finite number ≥ 0"),
        ("alpha", math.nan, "alpha = nan: must be a finite number ≥ 0"),
        ("beta", math.inf, "beta = inf: must be a finite number ≥ 0"),
        ("alpha", True, "alpha = True: must be a finite number ≥ 0"),
        ("alpha", None, "alpha = None: must be a finite number ≥ 0"),
        ("alpha", "1e-3", "alpha = '1e-3': must be a finite number ≥ 0, got text. In YAML"),
        ("order", 3, "order = 3: must be 1 or 2"),
        ("order", "2", "order = '2': must be 1 or 2"),
        ("order", True, "order = True: must be 1 or 2"),
        ("order", 2.0, "order = 2.0: must be 1 or 2"),
        ("inner_steps", 1.5, "inner_steps = 1.5: must be a whole number ≥ 0"),
        ("inner_steps", -1, "inner_steps = -1: must be a whole number ≥ 0"),
        ("inner_steps", True, "inner_steps = True: must be a whole number ≥ 0"),
        ("meta_steps", 0, "meta_steps = 0: must be a whole number ≥ 1"),
        ("meta_batch", 0, "meta_batch = 0: must be a whole number ≥ 1"),
        ("shots", [10], r"shots = \[10\]: must be a whole number ≥ 1"),
        ("seed", "x", "seed = 'x': must be a whole number ≥ 0 and < 9223372036854775808, got text"),
        ("seed", 2**63, "seed = 9223372036854775808: must be"),
        ("meta_optimizer", "Adam", "meta_optimizer = 'Adam': must be 'adam' or 'sgd'"),
        ("meta_optimizer", 1, "meta_optimizer = 1: must be 'adam' or 'sgd'"),
        ("alhpa", 0.1, r"alhpa = 0.1: there is no parameter of this name; did you mean 'alpha'\?"),
        ("learning", 1, "there is no parameter of this name. There are: alpha, beta, inner_steps"),
    ],
)
def test_one_clear_error(name: str, value: Any, words: str) -> None:
    with pytest.raises(ParameterError, match=words) as error:
        Settings.checked({name: value})
    assert len(str(error.value).splitlines()) == 1


def test_all_complaints_at_once() -> None:
    with pytest.raises(ParameterError) as error:
        Settings.checked({"alpha": -1, "order": 5, "seed": 0, "typo": 1})
    assert [line.split(" = ")[0] for line in str(error.value).splitlines()] == [
        "alpha",
        "order",
        "typo",
    ]


def test_whole_numbers_serve_as_numbers() -> None:
    assert Settings.checked({"alpha": 1}).alpha == 1.0
    assert Settings.checked({"alpha": 0, "inner_steps": 0}).inner_steps == 0


def test_every_field_has_a_description_and_bounds_in_words() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description
        assert allowed(name)


def test_notebook_namespace() -> None:
    namespace = {"alpha": 0.5, "session": object(), "x": 3, "In": ["alpha = 0.5", "x = 3"]}
    assert notebook_settings(namespace) == Settings(alpha=0.5)


def test_injected_names_are_checked() -> None:
    cell = "# Parameters\nalpha = 0.5\nmeta_stesp = 3\n"
    namespace = {"alpha": 0.5, "meta_stesp": 3, "In": ["", cell, "settings = ..."]}
    with pytest.raises(ParameterError, match=r"meta_stesp = 3: .* did you mean 'meta_steps'"):
        notebook_settings(namespace)


def test_settings_of_classification_have_ways() -> None:
    settings = notebook_settings({"ways": 3, "shots": 2}, ClassificationSettings)
    assert settings == ClassificationSettings(ways=3, shots=2)
    assert settings.changed(alpha=0.5).ways == 3
    assert settings.task_words == "3-way 2-shot"
    with pytest.raises(ParameterError, match=r"ways = 1: must be a whole number ≥ 2"):
        notebook_settings({"ways": 1}, ClassificationSettings)
    with pytest.raises(ParameterError, match=r"wayz = 3: .* did you mean 'ways'"):
        ClassificationSettings.checked({"wayz": 3})
    with pytest.raises(ParameterError, match="ways = 3: there is no parameter"):
        Settings.checked({"ways": 3})
