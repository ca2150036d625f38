"""Checkpoints of other models, and of other devices."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from labkit import MAML, MetaLearner
from tests.training.point_tasks import Lines, made


class Mixed(nn.Module):
    """θ on top of a frozen layer and a buffer, of a size and type to choose."""

    def __init__(self, hidden: int, mixed: torch.dtype) -> None:
        super().__init__()
        self.features, self.head = nn.Linear(2, hidden), nn.Linear(4, 1)
        self.features.requires_grad_(requires_grad=False)
        self.register_buffer("mix", torch.ones(hidden, 4).to(mixed))

    def forward(self, x: Tensor) -> Tensor:
        mix = self.get_buffer("mix").to(x.dtype)
        out: Tensor = self.head(torch.tanh(self.features(x)) @ mix)
        return out


def learner(hidden: int = 8, mixed: torch.dtype = torch.int64, **options: Any) -> MetaLearner:
    model = made(lambda: Mixed(hidden, mixed))
    return MetaLearner(model, Lines(), MAML(alpha=0.1), meta_batch=2, **options)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"hidden": 5}, r"features.weight': 'torch.float64\[5, 2\].*has .*\[8, 2\]"),
        ({"mixed": torch.int32}, r"holds \{'mix': 'torch.int32\[8, 4\]'\}.*torch.int64"),
    ],
)
def test_frozen_layers_and_buffers_must_be_of_the_same_form(
    tmp_path: Path, written: dict[str, Any], words: str
) -> None:
    learner(**written).save(tmp_path / "state.pt")
    one, untouched = learner(), learner()
    with pytest.raises(ValueError, match=words):
        one.load(tmp_path / "state.pt")
    assert one.train(2) == untouched.train(2)


def test_a_checkpoint_written_on_a_gpu_resumes_on_a_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = learner(), learner(seed=3)
    one.train(2)
    with monkeypatch.context() as patch:
        # what torch.save notes of where a tensor was
        patch.setattr(torch.serialization, "location_tag", lambda _: "cuda:0")
        torch.save(one.state(), tmp_path / "state.pt")  # as earlier versions wrote
    with pytest.raises(RuntimeError, match="CUDA"):
        torch.load(tmp_path / "state.pt", weights_only=True)
    other.load(tmp_path / "state.pt")
    assert one.train(2) == other.train(2)


def test_a_restored_state_comes_to_the_device_and_type_of_the_learner() -> None:
    one, other = learner(), learner()
    one.train(1)
    state = one.state()
    state["constants"] = {name: t.to("meta") for name, t in state["constants"].items()}
    with pytest.raises(NotImplementedError, match="meta"):  # it was on its way to the CPU
        other.restore(state)
    state["constants"] = {name: t.float() for name, t in one.state()["constants"].items()}
    other.restore(state)
    kinds = {name: t.dtype for name, t in other.loss_fn.constants.items()}
    assert kinds == {name: t.dtype for name, t in one.loss_fn.constants.items()}
