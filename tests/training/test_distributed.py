"""Two processes that share the tasks out do what one does."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from labkit import MAML, MetaLearner
from labkit.training.distributed import CHECKED_EVERY, Ranks
from tests.training.point_tasks import Lines, made
from tests.training.two_processes import learner

ROOT = Path(__file__).parents[2]


def test_two_processes_do_what_one_does(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "tests.training.two_processes", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    for reduction in ("mean", "sum"):
        one, other = (torch.load(tmp_path / f"{reduction}{rank}.pt") for rank in range(2))
        alone = learner(reduction)
        losses = [step.loss_after for step in alone.train(120)]
        assert_close(one["losses"], losses, rtol=1e-7, atol=0)
        assert_close(one["params"], alone.params, rtol=1e-7, atol=1e-9)
        assert_close(one["alpha"], alone.alpha, rtol=1e-7, atol=1e-9)
        # they have not moved apart in the least
        assert_close(one["params"], other["params"], rtol=0, atol=0)
    for rank in range(2):
        refusals = torch.load(tmp_path / f"refusals{rank}.pt")
        assert set(refusals) == {"beta", "θ", "algorithm", "seed"}
        for name, words in refusals.items():
            assert f"in all processes, but {name} is " in words
        assert "beta is 0.01 in rank 0 and 0.02 in rank 1: give all" in refusals["beta"]
        assert "seed is 0 in rank 0 and 1 in rank 1" in refusals["seed"]
    # a thread that outlives its group can abort the process at its end
    assert [torch.load(tmp_path / f"threads{rank}.pt") for rank in range(2)] == [[], []]


def test_without_a_group() -> None:
    with pytest.raises(
        ValueError, match="needs a group of processes: start the script by torchrun"
    ):
        learner("mean", across_ranks=True)


def test_what_cannot_be_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 4)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    with pytest.raises(ValueError, match="meta_batch must be a multiple of the 4 processes, got 6"):
        learner("mean", across_ranks=True)
    model = made(lambda: nn.Sequential(nn.Linear(2, 1), nn.Dropout()))
    with pytest.raises(ValueError, match="random numbers in its forward, which with across_ranks"):
        MetaLearner(model, Lines(), MAML(), meta_batch=4, across_ranks=True)


def test_learners_are_compared_at_first_when_due_and_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gathered: list[dict[str, str]] = []

    def gather(texts: list[Any], own: dict[str, str]) -> None:
        gathered.append(own)
        texts[:] = [own, {**own, "beta": "0.2"} if own["beta"] == "0.3" else own]

    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    monkeypatch.setattr(torch.distributed, "all_gather_object", gather)
    ranks = Ranks(4, "mean")
    for meta_step in (0, 1, CHECKED_EVERY - 1, CHECKED_EVERY, CHECKED_EVERY + 1):
        ranks.check_equal(meta_step, lambda: {"beta": "0.1"})
    assert len(gathered) == 2
    ranks.check_equal(CHECKED_EVERY + 1, lambda: {"beta": "0.1"}, due=True)
    assert len(gathered) == 3
    with pytest.raises(
        ValueError, match=r"but beta is 0\.3 in rank 0 and 0\.2 in rank 1: give all"
    ):
        ranks.check_equal(3 * CHECKED_EVERY, lambda: {"beta": "0.3"})


def test_fingerprints_tell_all_that_decides_how_training_continues() -> None:
    one, two = learner("mean"), learner("mean")
    assert one.fingerprints() == two.fingerprints()
    two.train(1)
    differing = {
        name for name, text in one.fingerprints().items() if two.fingerprints()[name] != text
    }
    assert differing == {
        *("meta_step", "θ", "α", "the state of the meta-optimiser", "the stream of tasks")
    }
    state = one.state()
    two.restore(state)
    assert one.fingerprints() == two.fingerprints()
    two.beta, two.meta_clip = 0.5, 1.0
    assert one.fingerprints()["beta"] != two.fingerprints()["beta"]
    assert one.fingerprints()["meta_clip"] != two.fingerprints()["meta_clip"]
