"""Which runs a sweep has, and what is refused before any of them."""

from pathlib import Path
from typing import Any

import pytest

from labkit.experiments.sweeps.design import SweepDesign
from labkit.session.settings.parameters import ParameterError
from tests.experiments.tiny_notebook import tiny_notebook

LOG = {"low": 0.001, "high": 0.1, "scale": "log"}


def plans(**parts: Any) -> list[dict[str, Any]]:
    """The varying parameters of each run."""
    design = SweepDesign.checked({"notebook": "01_sinusoid", **parts})
    return [{n: plan.parameters[n] for n in design.varying} for plan in design.plans()]


def test_each_value_with_each_sample_with_each_seed() -> None:
    result = plans(
        grid={"order": [1, 2], "inner_steps": [1, 5]}, random={"alpha": LOG}, samples=3, seeds=2
    )
    assert len(result) == 2 * 2 * 3 * 2
    assert [run["seed"] for run in result[:4]] == [0, 1, 0, 1]
    assert [run["order"] for run in result[::6]] == [1, 1, 2, 2]
    assert [run["inner_steps"] for run in result[::6]] == [1, 5, 1, 5]
    assert result == plans(
        grid={"order": [1, 2], "inner_steps": [1, 5]}, random={"alpha": LOG}, samples=3, seeds=2
    )


def test_fixed_parameters_are_in_all_runs() -> None:
    design = SweepDesign(notebook="01_sinusoid", parameters={"shots": 5}, seeds=(3, 7))
    assert [(p.parameters["shots"], p.parameters["seed"]) for p in design.plans()] == [
        (5, 3),
        (5, 7),
    ]


def test_more_samples_begin_with_the_same_ones_and_stay_within_the_range() -> None:
    few, many = (plans(random={"alpha": LOG}, samples=n) for n in (5, 200))
    assert few == many[:5]
    alphas = sorted(run["alpha"] for run in many)
    assert alphas[0] >= 0.001
    assert alphas[-1] <= 0.1
    # half of them below the middle of the exponents: 200 fair coins, five standard deviations
    assert abs(sum(a < 0.01 for a in alphas) - 100) < 36
    assert plans(random={"alpha": LOG}, samples=5, sample_seed=1) != few


def test_one_more_random_parameter_leaves_the_others_alone() -> None:
    beta = {"low": 0.0, "high": 1.0}
    both = plans(random={"beta": beta, "alpha": LOG}, samples=5)
    assert [run["alpha"] for run in both] == [
        run["alpha"] for run in plans(random={"alpha": LOG}, samples=5)
    ]


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_whole_ranges_reach_both_ends(scale: str) -> None:
    span = {"low": 1, "high": 4, "whole": True, "scale": scale}
    result = plans(random={"inner_steps": span}, samples=100)
    # the same run is not made twice
    assert sorted(run["inner_steps"] for run in result) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({}, "nothing varies"),
        ({"grid": {"alpha": []}}, "the grid of alpha is empty"),
        ({"grid": {"alpha": 0.1}}, r"grid\.alpha = 0\.1: must be a list"),
        ({"grid": {"alpha": "0.1"}}, r"grid\.alpha = '0\.1': must be a list"),
        ({"grid": {"alpha": ["x"]}}, "alpha = 'x': must be a finite number"),
        ({"grid": {"alpha": [0.1], "order": [3]}}, "order = 3: must be 1 or 2"),
        ({"grid": {"alhpa": [0.1]}}, "did you mean 'alpha'"),
        ({"grid": {"alpha": [1, 1.0]}}, "two runs would be equal, with alpha = 1.0"),
        ({"grid": {"alpha": [float("nan")]}}, "alpha = nan: must be a finite number"),
        ({"grid": {"seed": [1]}, "seeds": 2}, "seed is given in grid and seeds"),
        ({"grid": {"alpha": [1.0]}, "parameters": {"alpha": 2.0}}, "alpha is given in parameters"),
        ({"seeds": 0}, "seeds = 0: there must be at least one"),
        ({"seeds": []}, "there must be at least one"),
        ({"seeds": True}, "seeds must be a whole number, or a list"),
        ({"seeds": ["3"]}, "seeds must be a whole number, or a list"),
        ({"seeds": [-1]}, "seed = -1: must be a whole number"),
        ({"random": {"alpha": LOG}}, "samples is missing"),
        ({"seeds": 2, "samples": 5}, "samples = 5, but random is empty"),
        (
            {"random": {"alpha": LOG | {"low": 0.0}}, "samples": 2},
            r"random\.alpha: low must be > 0",
        ),
        ({"random": {"alpha": LOG | {"low": 1.0}}, "samples": 2}, "low must be less than high"),
        ({"random": {"alpha": LOG | {"whole": True}}, "samples": 2}, "must be whole"),
        ({"random": {"alpha": LOG | {"low": "x"}}, "samples": 2}, r"random\.alpha\.low = 'x'"),
        ({"random": {"alpha": {"low": 0.1, "high": float("inf")}}, "samples": 2}, r"high = inf"),
        ({"gird": {"alpha": [0.1]}}, "gird: a sweep has no such entry"),
    ],
)
def test_what_is_refused(parts: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        plans(**parts)


def test_all_complaints_come_at_once() -> None:
    with pytest.raises(ParameterError) as caught:
        plans(grid={"alpha": ["x", 0.1, -1.0], "order": [1, 3]}, seeds=2)
    lines = str(caught.value).splitlines()
    assert sorted(line.split(":")[0] for line in lines) == [
        "alpha = 'x'",
        "alpha = -1.0",
        "order = 3",
    ]


def test_of_many_complaints_the_first_are_said() -> None:
    with pytest.raises(ParameterError) as caught:
        plans(random={"inner_steps": {"low": 1, "high": 5}}, samples=200)
    lines = str(caught.value).splitlines()
    assert len(lines) == 11
    assert "must be a whole number" in lines[9]
    assert lines[10] == "and 190 more problems"


def test_unknown_notebooks_and_missing_ones() -> None:
    with pytest.raises(FileNotFoundError, match="there is no notebook nothing"):
        plans(notebook="nothing", seeds=2)
    with pytest.raises(ParameterError, match="notebook is missing"):
        SweepDesign.checked({"seeds": 2})


def test_a_notebook_without_seed(tmp_path: Path) -> None:
    path = Path(tiny_notebook(tmp_path))
    path.write_text(path.read_text().replace("seed: int", "other: int"))
    with pytest.raises(ParameterError, match="seed = 0: there is no parameter of this name"):
        plans(notebook=str(path), seeds=2)


def test_choices_are_drawn_and_conditions_leave_the_default() -> None:
    random = {
        "algorithm": {"values": ["maml", "imaml"]},
        "order": {"values": [1, 2], "when": {"algorithm": ["maml"]}},
        "alpha": {**LOG, "when": {"order": [1], "inner_steps": [1, 2]}},
    }
    result = plans(random=random, samples=40, grid={"inner_steps": [1, 5]})
    for run in result:
        assert run["algorithm"] == "maml" or run["order"] == 2
        varies = run["order"] == 1 and run["inner_steps"] == 1
        assert (run["alpha"] != 0.01) is varies
    assert {(run["algorithm"], run["order"]) for run in result} == {
        ("maml", 1), ("maml", 2), ("imaml", 2),
    }  # fmt: skip
    with pytest.raises(ParameterError, match="order varies with algorithm, which must be given be"):
        plans(random={"order": random["order"], "algorithm": random["algorithm"]}, samples=2)
    with pytest.raises(ParameterError, match=r"random\.order\.values = .*at least 2"):
        plans(random={"order": {"values": [1]}}, samples=2)
