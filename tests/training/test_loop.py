"""Learners whose tasks go one after another, for what torch cannot run side by side."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.testing import assert_close

from labkit import (
    MAML,
    Ensemble,
    FunctionTasks,
    LoopWarning,
    MetaLearner,
    MetaSGD,
    Reptile,
    Session,
    Settings,
    Sinusoid,
    TaskBatch,
    check_learner,
)
from labkit.core import vectorize
from labkit.tasks import Predictor

SERIES = (3, 3, 2)  # points, time, features


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test hears of a loop as if it were the first."""
    monkeypatch.setattr(vectorize, "_SAID", set())


class Reader(nn.Module):
    """An LSTM over time, and a number from its last output."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(2, 3, batch_first=True), nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.out(self.lstm(x)[0][:, -1])
        return answer


class Waves:
    """Numbers from series."""

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        def part() -> tuple[Tensor, Tensor]:
            x = torch.randn(tasks, *SERIES, generator=generator, dtype=torch.float64)
            return x, x.sum((2, 3))[..., None].sin()

        return TaskBatch(part(), part())

    def loss(self, predict: Predictor, batch: Any) -> Tensor:
        loss: Tensor = (predict(batch[0]) - batch[1]).square().mean()
        return loss


def made(make: Callable[[], nn.Module]) -> nn.Module:
    """A module of float64, the same each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make().double()


def reader() -> nn.Module:
    return made(Reader)


def learner(**options: Any) -> MetaLearner:
    args: dict[str, Any] = {"meta_batch": 3, "meta_optimizer": "sgd", "beta": 0.1}
    return MetaLearner(reader(), Waves(), MAML(0.1, 2), **args | {"vectorize": False} | options)


def test_an_lstm_follows_the_gradient_of_autograd() -> None:
    module, trained = reader(), learner()
    batch = Waves().sample(3, torch.Generator().set_state(trained.task_stream))
    theta: dict[str, Tensor] = dict(module.named_parameters())
    total = torch.zeros((), dtype=torch.float64)
    for task in range(3):

        def loss(here: dict[str, Tensor], part: Any, task: int = task) -> Tensor:
            return Waves().loss(
                lambda x: functional_call(module, here, (x,)), (part[0][task], part[1][task])
            )

        here = dict(theta)
        for _ in range(2):
            slopes = torch.autograd.grad(
                loss(here, batch.support), list(here.values()), create_graph=True
            )
            here = {n: p - 0.1 * g for (n, p), g in zip(here.items(), slopes, strict=True)}
        total = total + loss(here, batch.query) / 3
    slopes = torch.autograd.grad(total, list(theta.values()))
    expected = {n: p - 0.1 * g for (n, p), g in zip(theta.items(), slopes, strict=True)}
    step = trained.step()
    assert step.loss_after == pytest.approx(float(total.detach()), rel=1e-12)
    assert_close(trained.params, expected, rtol=1e-12, atol=1e-12)
    assert not trained.vectorized


def test_it_is_said_once_with_the_cause() -> None:
    with pytest.warns(LoopWarning, match="the model Reader uses lstm, .* 3 times slower"):
        first = learner(vectorize="auto")
    second = learner(vectorize="auto")  # warnings are errors
    assert (first.vectorized, second.vectorized) == (False, False)
    assert first.train(2) == second.train(2) == learner().train(2)
    with pytest.raises(ValueError, match=r"Reader cannot be .*vectorize='auto' or False"):
        learner(vectorize=True)
    with pytest.raises(ValueError, match="vectorize must be 'auto', True or False, got None"):
        learner(vectorize=None)


def test_curves_checks_and_resuming(tmp_path: Path) -> None:
    one, other = learner(), learner()
    one.train(2)
    one.save(tmp_path / "state.pt")
    other.load(tmp_path / "state.pt")
    assert one.train(2) == other.train(2)
    assert_close(one.adaptation_curve(2, tasks=3).mean, other.adaptation_curve(2, tasks=3).mean)
    assert check_learner(one, tasks=2, directions=1).passed
    one.algorithm = Reptile(0.1, 2)
    one.step()


def test_an_ensemble_of_recurrent_learners() -> None:
    options: dict[str, Any] = {"meta_batch": 3, "vectorize": False}
    both = Ensemble(reader(), Waves(), MAML(inner_steps=2), alphas=[0.1, 0.2], **options)
    losses = torch.stack([step.loss_after for step in both.train(2)])
    for number, alpha in enumerate(both.alphas):
        alone = MetaLearner(reader(), Waves(), MAML(alpha, 2), **options)
        expected = [step.loss_after for step in alone.train(2)]
        assert losses[:, number].tolist() == pytest.approx(expected, rel=1e-12)
        assert_close(both.params(number), alone.params, rtol=1e-9, atol=1e-12)
        assert not both.learner(number).vectorized


def test_compiled_code_needs_tasks_side_by_side() -> None:
    with pytest.raises(ValueError, match="engine='compiled' compiles tasks that go side by side"):
        learner(engine="compiled")
    learner(engine="auto").step()


def test_batch_norm_per_step_with_a_loop() -> None:
    def norm() -> nn.Module:
        return nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))

    options: dict[str, Any] = {"batch_norm": "per_step", "meta_batch": 3}
    states = []
    for way in (True, False):
        each = MetaLearner(made(norm), Sinusoid(), MAML(0.01, 2), vectorize=way, **options)
        each.train(2)
        states.append(each.state()["constants"])
    assert states[0]["1.step_mean"].shape == (3, 4)
    assert_close(*states)


def flat() -> nn.Module:
    return made(lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 1)))


def small() -> nn.Module:
    return made(lambda: nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3)))


def points(tasks: int, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    x = torch.randn(tasks, count, 2, generator=generator, dtype=torch.float64)
    return x, torch.randint(3, (tasks, count), generator=generator)


def family(loss: Any, **options: Any) -> FunctionTasks:
    return FunctionTasks(points, shots=4, queries=4, loss=loss, **options)


def masked(out: Tensor, y: Tensor) -> Tensor:
    return out[y > 0].square().mean() + out.mean()


def test_the_loss_is_named_where_it_is_the_cause() -> None:
    with pytest.warns(LoopWarning, match="^the loss of FunctionTasks selects by values"):
        MetaLearner(small(), family(masked), MAML(), meta_batch=2)


def margin(out: Tensor, y: Tensor) -> Tensor:
    return nn.functional.multi_margin_loss(out, y)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_another_order_is_met_in_words() -> None:
    """The dry run of MAML tries one order; the other is refused when it comes."""
    trained = MetaLearner(small(), family(margin), MAML(order=1), meta_batch=2)
    trained.step()
    before = trained.params
    trained.algorithm = MAML(order=2)
    with pytest.raises(ValueError, match="the loss of FunctionTasks uses multi_margin_loss"):
        trained.step()
    assert_close(trained.params, before, rtol=0, atol=0)
    trained.algorithm = MAML(order=1)
    trained.step()
    with pytest.raises(ValueError, match="cannot be meta-trained by MetaSGD"):
        trained.algorithm = MetaSGD(order=2)


class Late(Waves):
    """Reads a value for batches of five tasks, which the dry run does not see."""

    late = False

    def loss(self, predict: Predictor, batch: Any) -> Tensor:
        loss = super().loss(predict, batch)
        return loss * (1.0 if not self.late or loss.item() < 1e9 else 2.0)


def test_a_loop_may_begin_later() -> None:
    tasks, model = Late(), flat()
    late = MetaLearner(model, tasks, MAML(0.1), meta_batch=2)
    alone = MetaLearner(model, Waves(), MAML(0.1), meta_batch=2, vectorize=False)
    assert late.vectorized
    Late.late = True
    try:
        with pytest.warns(LoopWarning, match="the loss of Late reads values"):
            steps = late.train(2)
        assert not late.vectorized
        assert [s.loss_after for s in steps] == pytest.approx(
            [s.loss_after for s in alone.train(2)], rel=1e-12
        )
        vectorize._SAID.clear()
        with pytest.warns(LoopWarning, match="the loss of Late"):
            late.adaptation_curve(1, tasks=3)
    finally:
        Late.late = False


class Measured(Waves):
    def metrics(self, predict: Predictor, batch: Any) -> dict[str, Tensor]:
        worst = (predict(batch[0]) - batch[1]).abs().max().item()
        return {"worst": torch.tensor(worst)}


def test_measures_may_loop_while_training_does_not() -> None:
    model = flat()
    with pytest.warns(LoopWarning, match=r"^Measured\.metrics reads values.* 25 times slower"):
        trained = MetaLearner(model, Measured(), MAML(0.1), meta_batch=2)
    assert trained.vectorized
    assert trained.adaptation_curve(1, tasks=3).metrics["worst"].mean.shape == (2,)


class Physics(Waves):
    """Its loss differentiates the model in its inputs, as torch.func cannot follow."""

    def loss(self, predict: Predictor, batch: Any) -> Tensor:
        x = batch[0].detach().requires_grad_()
        (slope,) = torch.autograd.grad(predict(x).sum(), x, create_graph=True)
        loss: Tensor = slope.square().mean()
        return loss


def test_input_gradients_are_told_of_torch_func() -> None:
    with pytest.raises(ValueError, match=r"the loss of Physics calls .*Take torch\.func\.grad"):
        MetaLearner(flat(), Physics(), MAML(0.1), meta_batch=2)


def test_compiled_modules_are_refused_by_name() -> None:
    whole = torch.compile(small(), backend="eager")
    compiled: Any = torch.compile(small(), backend="eager")
    part = nn.Sequential(small(), compiled)
    in_place = small()
    in_place.compile(backend="eager")
    with pytest.warns(DeprecationWarning, match=r"torch\.jit\.trace"):
        traced = torch.jit.trace(  # type: ignore[no-untyped-call]
            small(), torch.zeros(1, 2, dtype=torch.float64)
        )
    models: list[Any] = [whole, part, in_place, traced]
    words = [
        "the model OptimizedModule",
        "the part '1' of the model",
        "the model Sequential",
        "jit",
    ]
    for model, which in zip(models, words, strict=True):
        with pytest.raises(ValueError, match=rf"{which}.* give the module"):
            MetaLearner(model, family(masked), MAML(), vectorize=False)


def test_a_session_with_a_loop() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.out = nn.GRU(1, 3), nn.Linear(3, 1)

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = self.out(self.cell(x)[0])
            return answer

    with pytest.warns(LoopWarning, match="the model Recurrent"):
        session = Session(
            Settings(meta_batch=2),
            model=lambda _: made(Recurrent).float(),
            tasks=Sinusoid,
            test_tasks=2,
            test_steps=1,
        )
    session.run(2)
    assert session.snapshot().meta_step == 2
