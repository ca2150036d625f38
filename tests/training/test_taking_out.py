"""What leaves a learner: plain modules, states, θ and meta-gradients; and its device."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn, optim

from labkit import ANIL, MAML, LearnedAlpha, MetaLearner
from labkit.training.step import Slot
from tests.training.point_tasks import Lines, made

MODES: dict[str, Any] = {
    "per step": "per_step",
    "transductive": "transductive",
    "none": None,
}


class Small(nn.Module):
    """Batch norm, dropout, a tied and a frozen parameter, a buffer."""

    def __init__(self, norm: bool = True) -> None:
        super().__init__()
        self.first = nn.Linear(2, 4)
        self.norm = nn.BatchNorm1d(4) if norm else nn.Identity()
        self.second, self.third = nn.Linear(4, 4), nn.Linear(4, 4)
        self.third.weight = self.second.weight
        self.last = nn.Linear(4, 1)
        self.last.bias.requires_grad_(False)
        self.drop = nn.Dropout(0.2)
        self.register_buffer("shift", torch.tensor([0.3]))
        self.shift: Tensor

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.norm(self.first(x)))
        x = torch.tanh(self.third(self.drop(torch.tanh(self.second(x)))))
        result: Tensor = self.last(x) + self.shift
        return result


def learner(mode: str = "per step", **options: Any) -> MetaLearner:
    options = {"meta_batch": 3, "beta": 0.05, "batch_norm": MODES[mode]} | options
    model = made(lambda: Small(norm=MODES[mode] is not None))
    algorithm = options.pop("algorithm", MAML(alpha=0.1, inner_steps=2))
    return MetaLearner(model, Lines(), algorithm, **options)


def task(seed: int = 7) -> tuple[Tensor, Tensor]:
    batch = Lines(points=5).sample(1, torch.Generator().manual_seed(seed))
    return batch.support[0][0], batch.support[1][0]


@pytest.mark.parametrize("mode", MODES)
def test_an_adapted_module_predicts_as_the_learner_does(mode: str) -> None:
    one = learner(mode)
    one.train(4)
    support, x = task(), task(8)[0]
    adapted = one.algorithm.adapt(one.test_loss_fn, one.params, support).params
    module = one.adapted_module(support)
    assert type(module) is Small
    assert not module.training
    assert torch.equal(module(x), one.predictor(adapted)(x))
    # a copy: what is done with it does not come back
    with torch.no_grad():
        for p in module.parameters():
            p.zero_()
    assert not torch.equal(module(x), one.predictor(adapted)(x))
    assert [n for n, p in module.named_parameters() if not p.requires_grad] == ["last.bias"]
    assert module.third.weight is module.second.weight
    if mode == "per step":
        assert type(module.norm) is nn.BatchNorm1d
        fresh = made(Small).eval()
        fresh.load_state_dict(one.adapted_module(support).state_dict())
        assert torch.equal(fresh(x), one.predictor(adapted)(x))


def test_an_adapted_module_takes_other_steps() -> None:
    one = learner()
    one.train(3)
    support, x = task(), task(8)[0]
    assert torch.equal(one.adapted_module(support, inner_steps=0)(x), one.predictor(one.params)(x))
    algorithm = MAML(alpha=0.5, inner_steps=1)
    adapted = algorithm.adapt(one.test_loss_fn, one.params, support).params
    module = one.adapted_module(support, inner_steps=1, alpha=0.5)
    assert torch.equal(module(x), one.predictor(adapted, step=1)(x))
    # data in another precision come to that of θ
    lower = one.adapted_module(tuple(part.float() for part in support), inner_steps=0)
    assert torch.equal(lower(x), one.predictor(one.params)(x))


@pytest.mark.parametrize("mode", MODES)
def test_torchs_own_ways_out(mode: str) -> None:
    one = learner(mode)
    one.train(2)
    module, x = one.adapted_module(task()), task(8)[0]
    expected = module(x)
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    assert torch.equal(torch.load(file, weights_only=False)(x), expected)
    exported = torch.export.export(module, (x,)).module()
    assert torch.allclose(exported(x), expected, rtol=1e-12)


# torch's own, while it exports
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_onnx() -> None:
    reference = pytest.importorskip("onnx.reference")
    pytest.importorskip("onnxscript")
    module, x = learner().adapted_module(task()).float(), task(8)[0].float()
    program = torch.onnx.export(module, (x,), dynamo=True)
    assert program is not None
    model = program.model_proto
    (y,) = reference.ReferenceEvaluator(model).run(None, {model.graph.input[0].name: x.numpy()})
    assert torch.allclose(torch.from_numpy(y), module(x), rtol=1e-5)


def same(one: MetaLearner, two: MetaLearner) -> bool:
    return repr(one.state()) == repr(two.state()) and all(
        torch.equal(p, two.params[name]) for name, p in one.params.items()
    )


def test_state_dicts() -> None:
    one, two = learner(), learner()
    one.train(3)
    two.load_state_dict(one.state_dict())
    assert one.train(3) == two.train(3)
    assert same(one, two)
    for wrong, message in (
        ({}, "the state is not a checkpoint"),
        (learner("none").state_dict(), "the state belongs to another model"),
        (learner(meta_optimizer="sgd").state_dict(), "meta_optimizer='sgd'"),
    ):
        with pytest.raises(ValueError, match=message):
            two.load_state_dict(wrong)
    assert same(one, two)


def test_params_can_be_set() -> None:
    one, two = learner(), learner()
    one.train(2)
    two.train(2)
    memory = one.state()["optimizer"]
    halved = {name: p.float() / 2 for name, p in one.params.items()}
    one.params = halved
    for name, p in one.params.items():
        assert p.dtype == torch.float64
        assert torch.equal(p, halved[name].double())
    assert repr(one.state()["optimizer"]) == repr(memory)  # the optimiser keeps its memory
    one.params = two.params
    assert one.train(2) == two.train(2)
    assert same(one, two)
    for wrong in ({}, {**halved, "more": torch.zeros(1)}, {**halved, "last.weight": torch.ones(2)}):
        with pytest.raises(ValueError, match="params must be name → tensor with shapes"):
            one.params = wrong
    assert same(one, two)


@pytest.mark.parametrize(
    "algorithm", [MAML(alpha=0.1), ANIL(LearnedAlpha(0.1), 2, head="last.*")], ids=["MAML", "ANIL"]
)
def test_the_meta_gradient_is_that_of_the_next_step(algorithm: MAML) -> None:
    # by SGD: θ − β∇, with the same tasks and the same masks of dropout
    one = learner(algorithm=algorithm, meta_optimizer="sgd")
    one.train(2)
    before, gradient = one.params, one.meta_gradient()
    assert repr(one.meta_gradient()) == repr(gradient)
    assert float(gradient.task_losses.mean()) == one.step().loss_after
    for name, p in one.params.items():
        assert torch.allclose(p, before[name] - 0.05 * gradient.params[name], rtol=1e-12)
    batch = one.held_out(2)
    assert one.meta_gradient(batch).task_losses.shape == (2,)


def tensors_of(thing: Any) -> list[Tensor]:
    if isinstance(thing, Tensor):
        return [thing]
    if isinstance(thing, dict):
        thing = list(thing.values())
    return (
        [t for part in thing for t in tensors_of(part)] if isinstance(thing, list | tuple) else []
    )


@pytest.mark.parametrize("optimizer", ["adam", lambda p, lr: optim.SGD(p, lr, momentum=0.9)])
def test_to_a_device(optimizer: str | Callable[..., Any]) -> None:
    algorithm = MAML(LearnedAlpha(0.1, granularity="tensor"), 2)
    one, two = (learner(algorithm=algorithm, meta_optimizer=optimizer) for _ in range(2))
    one.train(2)
    assert one.to("cpu") is one
    two.train(2)
    assert one.train(2) == two.train(2)
    assert same(one, two)
    # a device without numbers: nothing stays behind
    one.to("meta")
    state = one._state.meta.state_for(algorithm, 0)
    slots = [*state.theta, *(slot for row in state.rows for slot in row.values())]
    assert all(isinstance(slot, Slot) for slot in slots)
    places = tensors_of(
        [list(state.theta), state.rows, state.betas, state.finite, one._state.constants]
    )
    places += [*one._model.training.parameters(), *one._model.testing.buffers()]
    assert {tensor.device.type for tensor in places} == {"meta"}


def test_a_device_to_begin_with() -> None:
    assert {p.device.type for p in learner(device="cpu").params.values()} == {"cpu"}
    with pytest.raises(RuntimeError, match="nowhere"):
        learner(device="nowhere")
