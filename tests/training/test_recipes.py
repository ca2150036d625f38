"""The blocks of docs/howto/training_in_code.md run; trackers' where the package is there."""

import importlib.util
import re
import sys
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "training_in_code.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
TRACKERS = {"tensorboard": "torch.utils.tensorboard", "wandb": "wandb", "mlflow": "mlflow"}


def tracker_of(block: str) -> str | None:
    return next((name for name, module in TRACKERS.items() if f" {module}" in block), None)


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with torch.random.fork_rng():  # the page creates modules as users do
        for block in BLOCKS:
            if tracker_of(block) is None:
                exec(block, names)
    assert names["chosen"].selection.meta_steps == (0, 2, 4)


@pytest.mark.parametrize("package", TRACKERS)
@pytest.mark.filterwarnings("ignore")  # of the packages themselves
def test_trackers(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    monkeypatch.chdir(tmp_path)
    run_recipe(package)
    assert any(path.is_file() for path in tmp_path.rglob("*"))


def test_what_a_tracker_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a stand-in with the two functions of MLflow that the recipe calls."""
    logged: list[tuple[str, int]] = []
    mlflow = ModuleType("mlflow")
    vars(mlflow).update(
        start_run=nullcontext,
        log_param=lambda name, value: None,  # noqa: ARG005
        log_metric=lambda name, value, step: logged.append((name, step)),  # noqa: ARG005
    )
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    run_recipe("mlflow")
    assert logged == [("loss", 1), ("loss", 2), ("loss", 3)]


def run_recipe(package: str) -> None:
    names: dict[str, Any] = {}
    (recipe,) = (block for block in BLOCKS if tracker_of(block) == package)
    exec(BLOCKS[0] + "maml = labkit.MAML(alpha=0.01)\n" + recipe, names)
