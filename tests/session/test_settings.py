"""Settings: what is allowed, and what is said of what is not."""

import math
from typing import Any

import pytest

from labkit import ClassificationSettings, ParameterError, Settings, notebook_settings
from labkit.session.settings.settings import LIVE, allowed


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
        ("algorithm", "MAML", "algorithm = 'MAML': must be 'maml' or 'anil' or 'reptile' or"),
        ("algorithm", "proto_maml", "algorithm = 'proto_maml': must be 'maml'"),
        ("alpha_learned", "yes", "alpha_learned = 'yes': must be 'no' or 'scalar' or 'tensor'"),
        ("alpha_learned", False, 'alpha_learned = False: .* In YAML write "no" in quotes'),
        ("alpha_learned", True, "alpha_learned = True: must be .* or 'element'$"),
        ("events", "alpha", r"events = 'alpha': must be a list of \[meta_step, name, value\]"),
        ("events", None, "events = None: must be a list"),
        ("events", {0: 1}, "events = {0: 1}: must be a list"),
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


def test_proto_maml_is_for_classes() -> None:
    assert ClassificationSettings(algorithm="proto_maml").algorithm == "proto_maml"
    assert "'proto_maml'" in allowed("algorithm", ClassificationSettings)
    assert "'proto_maml'" not in allowed("algorithm")


def test_a_wider_choice_keeps_its_place_among_the_parameters() -> None:
    assert list(ClassificationSettings.model_fields) == [*Settings.model_fields, "ways"]


def test_events_from_lists_become_tuples() -> None:
    """As YAML and JSON have them; whole numbers serve as numbers, as for the settings."""
    written = [[0, "order", 1], [3, "alpha", 1], (3, "algorithm", "anil")]
    settings = Settings.checked({"events": written})
    assert settings.events == ((0, "order", 1), (3, "alpha", 1.0), (3, "algorithm", "anil"))
    assert [type(value) for _, _, value in settings.events] == [int, float, str]
    assert settings.model_dump()["events"] == [list(event) for event in written]
    assert settings.changed(beta=0.5).events == settings.events
    assert hash(settings) == hash(Settings.checked(settings.model_dump()))


@pytest.mark.parametrize("name", LIVE)
def test_every_live_setting_may_be_an_event(name: str) -> None:
    value = getattr(Settings(), name)
    assert Settings.checked({"events": [[5, name, value]]}).events == ((5, name, value),)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ([7, "alpha"], r"= \[7, 'alpha'\]: must be \[meta_step, name, value\], such as"),
        ([7, "alpha", 1, 2], r"must be \[meta_step, name, value\], such as"),
        ("abc", r"= 'abc': must be \[meta_step, name, value\], such as"),
        ([-1, "alpha", 0.1], "the meta-step must be a whole number ≥ 0, got -1"),
        ([1.0, "alpha", 0.1], "the meta-step must be a whole number ≥ 0, got 1.0"),
        ([True, "alpha", 0.1], "the meta-step must be a whole number ≥ 0, got True"),
        (["7", "alpha", 0.1], "the meta-step must be a whole number ≥ 0, got '7'"),
        (
            [4, "alpha", 0.1],
            "is earlier than the event above it, of meta-step 5: sort them by meta-step",
        ),
        ([7, "seed", 1], "what changes must be one of alpha, beta, .*shots, got 'seed'"),
        ([7, "ways", 3], "what changes must be one of alpha, beta, .*shots, got 'ways'"),
        ([7, ["alpha"], 1], r"what changes must be one of .*, got \['alpha'\]"),
        ([7, "alpha", "x"], r"= \[7, 'alpha', 'x'\]: must be a finite number ≥ 0, got text"),
        ([7, "alpha", "1e-3"], "In YAML write 0.001 or 1.0e-3"),
        ([7, "alpha", True], "must be a finite number ≥ 0"),
        ([7, "alpha", math.nan], "must be a finite number ≥ 0"),
        ([7, "alpha", None], "must be a finite number ≥ 0"),
        ([7, "order", 2.0], "must be 1 or 2"),
        ([7, "inner_steps", -1], "must be a whole number ≥ 0"),
        ([7, "shots", 0], "must be a whole number ≥ 1"),
        ([7, "alpha_learned", False], 'In YAML write "no" in quotes'),
    ],
)
def test_one_clear_error_on_an_event(event: Any, words: str) -> None:
    with pytest.raises(ParameterError, match=words) as error:
        Settings.checked({"events": [[5, "beta", 0.1], event]})
    assert str(error.value).startswith("events[1] = ")
    assert len(str(error.value).splitlines()) == 1


def test_complaints_on_all_events_at_once() -> None:
    events = [[5, "beta", -1], [5, "beta", 0.1], [4, "beta", 0.1], [9, "bet", 1]]
    with pytest.raises(ParameterError) as error:
        Settings.checked({"events": events, "alpha": -1})
    lines = str(error.value).splitlines()
    assert [line.split(" = ")[0] for line in lines] == [
        "alpha",
        "events[0]",
        "events[2]",
        "events[3]",
    ]


def test_a_learned_alpha_begins_above_zero() -> None:
    words = "alpha = 0 with alpha_learned = 'tensor': .* give a larger alpha, or alpha_learned"
    with pytest.raises(ParameterError, match=words):
        Settings().changed(alpha=0, alpha_learned="tensor")
    # there it is not learned, whatever is chosen
    unlearned = Settings().changed(alpha=0, alpha_learned="tensor", algorithm="reptile")
    with pytest.raises(ParameterError, match=words):
        unlearned.changed(algorithm="anil")


def test_events_are_judged_by_what_holds_then() -> None:
    learning = [[2, "alpha", 0], [5, "alpha_learned", "scalar"]]
    with pytest.raises(ParameterError, match=r"^events\[1\] = .*: alpha = 0 with alpha_learned"):
        Settings.checked({"events": learning})
    # several that come at one meta-step count together
    settings = Settings.checked({"events": [*learning, [5, "alpha", 0.1]]})
    assert len(settings.events) == 3
    with pytest.raises(ParameterError, match=r"^events\[3\] = \[9, 'algorithm', 'maml'\]"):
        Settings.checked(
            {
                "algorithm": "reptile",
                "events": [*learning, [7, "order", 1], [9, "algorithm", "maml"]],
            }
        )


def test_events_of_classification_have_its_bounds() -> None:
    events = [[3, "algorithm", "proto_maml"]]
    assert ClassificationSettings.checked({"events": events}).events[0][2] == "proto_maml"
    with pytest.raises(ParameterError, match=r"events\[0\] = .*: must be 'maml' or"):
        Settings.checked({"events": events})
