"""Modules of every kind: what works, and what is refused when a learner is made."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import dropout, scaled_dot_product_attention

from labkit import ANIL, IMAML, MAML, JointTraining, MetaLearner, ProtoMAML, Reptile, TaskBatch
from tests.training.point_tasks import WAYS, Clouds, Lines, made


def with_dropout() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Dropout(0.5), nn.Linear(16, 1))


class Functional(nn.Module):
    """Dropout that no submodule shows."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(dropout(x, 0.5, self.training))
        return out


@pytest.mark.parametrize("model", [with_dropout, Functional])
def test_dropout_has_a_mask_per_task_and_a_stream_of_its_own(model: Any) -> None:
    def learner(**options: Any) -> MetaLearner:
        return MetaLearner(made(model), Lines(), MAML(), meta_batch=5, **options)

    one, two, other = learner(), learner(), learner(seed=1)
    assert one.train(3) == two.train(3) != other.train(3)
    equal = MetaLearner(made(model), Lines(equal=True), MAML(), meta_batch=5)
    batch = equal.tasks.sample(5, torch.Generator().manual_seed(0))
    with torch.random.fork_rng():
        losses = MAML().meta_gradient(equal.loss_fn, equal.params, batch.support, batch.query)
    assert len(set(losses.task_losses.tolist())) == 5


def test_dropout_is_off_in_evaluation_and_resumes_exactly(tmp_path: Path) -> None:
    one = MetaLearner(made(with_dropout), Lines(equal=True), MAML(), meta_batch=5)
    one.train(2)
    curve = one.adaptation_curve(2, tasks=4)
    assert float(curve.ci95.max()) == pytest.approx(0, abs=1e-12)
    one.save(tmp_path / "state.pt")
    other = MetaLearner(made(with_dropout), Lines(equal=True), MAML(), meta_batch=5)
    other.load(tmp_path / "state.pt")
    assert one.train(2) == other.train(2)


@pytest.mark.parametrize(
    ("algorithm", "options"), [(MAML(), {"checkpoint": True}), (IMAML(inner_steps=2), {})]
)
def test_randomness_is_refused_where_a_forward_is_repeated(
    algorithm: Any, options: dict[str, Any]
) -> None:
    with pytest.raises(
        ValueError, match=r"Sequential draws random numbers.*put the dropout in eval mode"
    ):
        MetaLearner(made(with_dropout), Lines(), algorithm, **options)
    MetaLearner(made(with_dropout).eval(), Lines(), algorithm, **options)


class Tuple(nn.Module):
    """Two heads, as a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.log_scale = nn.Linear(2, 1), nn.Linear(2, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.mean(x), self.log_scale(x)


class Likelihood(Lines):
    """A loss that takes both heads."""

    def loss(self, predict: Any, batch: Any) -> Tensor:
        mean, log_scale = predict(batch[0])
        loss: Tensor = (log_scale + ((batch[1] - mean) * torch.exp(-log_scale)) ** 2 / 2).mean()
        return loss


def test_tuples_reach_the_loss_of_the_family() -> None:
    learner = MetaLearner(made(Tuple), Likelihood(), MAML(alpha=0.05), meta_batch=4, beta=0.01)
    steps = learner.train(150)
    assert sum(s.loss_after for s in steps[-20:]) < sum(s.loss_after for s in steps[:20])


class Rotation(nn.Module):
    """A complex parameter: x ↦ Re(z x)."""

    def __init__(self) -> None:
        super().__init__()
        self.z = nn.Parameter(torch.tensor(0.5 + 0.5j, dtype=torch.complex128))

    def forward(self, x: Tensor) -> Tensor:
        return (self.z * torch.view_as_complex(x)).real.unsqueeze(-1)


@pytest.mark.parametrize(
    "algorithm",
    [MAML(alpha=0.1, inner_steps=2), Reptile(alpha=0.1), IMAML(alpha=0.1, inner_steps=3)],
    ids=lambda a: type(a).__name__,
)
def test_complex_parameters_are_those_of_two_real_ones(algorithm: Any) -> None:
    """Re(z x) with z = u + iv is linear in (u, −v): the same moves as a real linear layer's."""
    linear = nn.Linear(2, 1, bias=False, device="meta").to_empty(device="cpu").double()
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[0.5, -0.5]]))
    options: dict[str, Any] = {"meta_optimizer": "sgd", "beta": 0.05, "meta_batch": 3}
    one = MetaLearner(Rotation(), Lines(), algorithm, **options)
    two = MetaLearner(linear, Lines(), algorithm, **options)
    for a, b in zip(one.train(3), two.train(3), strict=True):
        assert a.loss_after == pytest.approx(b.loss_after, rel=1e-12)
    z, (u, v) = one.params["z"], two.params["weight"][0]
    torch.testing.assert_close(torch.view_as_real(z), torch.stack([u, -v]))


def test_a_complex_module_takes_a_dtype() -> None:
    learner = MetaLearner(Rotation(), Lines(), MAML(), dtype=torch.float32, meta_batch=2)
    learner.step()
    assert learner.params["z"].dtype == torch.complex64


def test_chunks_and_recomputation_change_nothing() -> None:
    model = made(lambda: nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)))
    algorithm = MAML(alpha=0.1, inner_steps=3)
    plain = MetaLearner(model, Lines(), algorithm, meta_batch=5)
    sparing = MetaLearner(model, Lines(), algorithm, meta_batch=5, task_chunk=2, checkpoint=True)
    for a, b in zip(plain.train(5), sparing.train(5), strict=True):
        assert a.loss_after == pytest.approx(b.loss_after, rel=1e-10)
    torch.testing.assert_close(plain.params, sparing.params, rtol=1e-9, atol=1e-12)
    curves = [learner.adaptation_curve(2, tasks=7).mean for learner in (plain, sparing)]
    torch.testing.assert_close(*curves)


def test_proto_maml_sees_the_features_of_the_module() -> None:
    model = made(lambda: nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, WAYS)))
    learner = MetaLearner(model, Clouds(), ProtoMAML(head="2.*"), meta_batch=4, dtype=torch.float64)
    batch = Clouds().sample(1, torch.Generator().manual_seed(0))
    x, y = (part[0] for part in batch.support)
    features = torch.tanh(
        nn.functional.linear(x, *(learner.params[f"0.{n}"] for n in ("weight", "bias")))
    )
    head = learner.algorithm.adapt(learner.loss_fn, learner.params, (x, y)).path[0]
    for way in range(WAYS):
        prototype = features[y == way].mean(0)
        torch.testing.assert_close(head["2.weight"][way], 2 * prototype)
        torch.testing.assert_close(head["2.bias"][way], -(prototype**2).sum())
    # far better than chance, log 3 = 1.10, from the first meta-step on
    assert learner.step().loss_after < 0.8
    with pytest.raises(ValueError, match=r"Lines does not tell the labels .* labels\(batch\)"):
        MetaLearner(made(linear), Lines(), ProtoMAML(head="0.*"))
    with pytest.raises(ValueError, match=r"must match one weight .* and one bias"):
        MetaLearner(model, Clouds(), ProtoMAML(head="*"))


class Counting(nn.Module):
    """Counts its calls in a buffer or an attribute."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.linear, self.where, self.calls = nn.Linear(2, 1), where, 0
        self.seen: list[int] = []
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.where == "buffer":
            self.get_buffer("count").add_(1)
        elif self.where == "list":
            self.seen.append(0)
        elif self.where == "number":
            self.calls += 1
        else:
            self.calls = 1  # a cache, filled once
        out: Tensor = self.linear(x)
        return out


@pytest.mark.parametrize(
    ("where", "name"), [("buffer", "count"), ("list", "seen"), ("number", "calls")]
)
def test_a_forward_that_changes_state_is_refused(where: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"forward of Counting changes {name}: tasks adapt side"):
        MetaLearner(made(lambda: Counting(where)), Lines(), MAML())


def test_a_forward_that_fills_a_cache_once_is_not() -> None:
    MetaLearner(made(lambda: Counting("cache")), Lines(), MAML(), meta_batch=2).step()


class Detached(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x).detach()
        return out


class Recurrent(nn.Module):
    """A layer that vmap cannot run, or only while it is differentiated."""

    def __init__(self, cell: type[nn.LSTMCell] | type[nn.LSTM]) -> None:
        super().__init__()
        self.cell, self.linear = cell(2, 4), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.cell(x)
        out = out[0] if isinstance(out, tuple) else out
        answer: Tensor = self.linear(out)
        return answer


@pytest.mark.parametrize("cell", [nn.LSTM, nn.LSTMCell])
def test_fused_recurrent_layers_go_one_task_after_another(cell: Any) -> None:
    with pytest.raises(ValueError, match=r"the model Recurrent uses lstm.* vectorize='auto'"):
        MetaLearner(made(lambda: Recurrent(cell)), Lines(), MAML(), vectorize=True)
    learner = MetaLearner(made(lambda: Recurrent(cell)), Lines(), MAML(), vectorize=False)
    assert not learner.vectorized
    assert learner.step().loss_after > 0


class Attention(nn.Module):
    """Self-attention over points, by torch's fused kernel or by plain arithmetic."""

    def __init__(self, backend: SDPBackend) -> None:
        super().__init__()
        self.backend, self.linear = backend, nn.Linear(2, 4)

    def forward(self, x: Tensor) -> Tensor:
        points = self.linear(x).view(1, 1, -1, 4)
        with sdpa_kernel(self.backend):
            mixed = scaled_dot_product_attention(points, points, points)
        return mixed[0, 0, :, :1]


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_fused_attention_has_no_second_derivative() -> None:
    with pytest.raises(ValueError, match=r"Attention cannot be .*SDPBackend\.MATH"):
        MetaLearner(made(lambda: Attention(SDPBackend.FLASH_ATTENTION)), Lines(), MAML())
    MetaLearner(made(lambda: Attention(SDPBackend.MATH)), Lines(), MAML()).step()


class Unreduced(Lines):
    def loss(self, predict: Any, batch: Any) -> Tensor:
        return (predict(batch[0]) - batch[1]) ** 2  # type: ignore[no-any-return]


def linear() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 1))


@pytest.mark.parametrize(
    ("model", "family", "algorithm", "words"),
    [
        (
            Detached,
            Lines(),
            MAML(),
            r"no gradient in any of the parameters .*'linear.weight'.*detach",
        ),
        (linear, Unreduced(), MAML(), r"loss_fn must return a real 0-d tensor, got shape \(4, 1\)"),
        (Detached, Lines(), MAML(inner_steps=0), r"no gradient in any of the parameters"),
        (Detached, Lines(), JointTraining(), r"no gradient in any of the parameters"),
        (linear, Lines(), ANIL(head="2.*"), r"matches no parameter: .*'0.bias', '0.weight'"),
        (linear, Lines(), MAML(alpha={"w": 0.1}), r"\['w'\] match none; .*'0.bias', '0.weight'"),
        (linear, Lines(), MAML(alpha=[0.1, 0.1]), "alpha has 2 entries for inner_steps=1"),
    ],
)
def test_what_cannot_work_says_so_at_once(
    model: Any, family: Any, algorithm: Any, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        MetaLearner(made(model), family, algorithm)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"meta_clip": 0.0}, "meta_clip must be a finite number > 0, got 0.0"),
        ({"task_chunk": 0}, "task_chunk must be a whole number ≥ 1, got 0"),
        ({"batch_norm": "running"}, "batch_norm must be 'transductive' or 'per_step' or None"),
        ({"batch_norm": "per_step"}, "Sequential has no batch norm: leave it out"),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MetaLearner(made(linear), Lines(), MAML(), **options)


class Uneven(Lines):
    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        batch = super().sample(tasks, generator)
        return TaskBatch(batch.support, tuple(t[1:] for t in batch.query))


def test_different_numbers_of_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="first axis is the task, the same number"):
        MetaLearner(made(linear), Uneven(), MAML())
