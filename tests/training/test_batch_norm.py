"""Batch norm in its modes, against its formula."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from labkit import MAML, MetaLearner
from tests.training.point_tasks import Lines, made


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1))


def learner(**options: Any) -> MetaLearner:
    algorithm = MAML(alpha=0.1, inner_steps=2)
    return MetaLearner(made(network), Lines(points=6), algorithm, meta_batch=3, **options)


def by_hand(params: dict[str, Tensor], x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    hidden = x @ params["0.weight"].T + params["0.bias"]
    normal = (hidden - mean) / torch.sqrt(var + 1e-5)
    hidden = torch.tanh(normal * params["1.weight"] + params["1.bias"])
    return hidden @ params["3.weight"].T + params["3.bias"]


def moments(params: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    hidden = x @ params["0.weight"].T + params["0.bias"]
    return hidden.mean(0), hidden.var(0)


def test_running_statistics_are_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"1: running statistics .*'transductive'.*'per_step'"):
        learner()
    # trained statistics in evaluation mode are constants, and there are none to update here
    MetaLearner(made(network).eval(), Lines(), MAML(), meta_batch=2).step()
    plain = made(
        lambda: nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1, track_running_stats=False))
    )
    MetaLearner(plain, Lines(), MAML(), meta_batch=2).step()
    instance = made(lambda: nn.Sequential(nn.InstanceNorm1d(2, track_running_stats=True)))
    with pytest.raises(ValueError, match=r"instance norm .*track_running_stats=False"):
        MetaLearner(nn.Sequential(instance, made(lambda: nn.Linear(2, 1))), Lines(), MAML())


def test_transductive_takes_the_statistics_of_each_batch() -> None:
    trained = learner(batch_norm="transductive")
    trained.train(3)
    x = Lines(points=6).sample(1, torch.Generator().manual_seed(1)).query[0][0]
    mean, _ = moments(trained.params, x)
    biased = (x @ trained.params["0.weight"].T + trained.params["0.bias"]).var(0, correction=0)
    expected = by_hand(trained.params, x, mean, biased)
    torch.testing.assert_close(trained.predictor(trained.params)(x), expected)
    # a prediction depends on the other points of its batch
    assert not torch.allclose(trained.predictor(trained.params)(x[:3]), expected[:3])


def test_the_users_module_keeps_its_statistics() -> None:
    model = made(network)
    state = {name: t.clone() for name, t in model.state_dict().items()}
    MetaLearner(model, Lines(), MAML(), meta_batch=2, batch_norm="per_step").train(2)
    assert isinstance(model.get_submodule("1"), nn.BatchNorm1d)
    assert all(torch.equal(t, state[name]) for name, t in model.state_dict().items())


def test_statistics_per_step_by_hand() -> None:
    """Rows are support statistics at θ_0, θ_1 and query statistics at θ_2, averaged."""
    one = learner(batch_norm="per_step", beta=0.0)
    stream = torch.Generator().manual_seed(0)
    stream.set_state(one.task_stream)
    one.step()
    batch = one.tasks.sample(3, stream)
    rows: list[list[tuple[Tensor, Tensor]]] = []
    for i in range(3):
        support, query = (tuple(t[i] for t in part) for part in (batch.support, batch.query))
        path = one.algorithm.adapt(one.loss_fn, one.params, support).path
        data = [support[0], support[0], query[0]]
        rows.append([moments(theta, x) for theta, x in zip(path, data, strict=True)])
    for step in range(3):
        mean, var = (
            torch.stack([rows[i][step][part] for i in range(3)]).mean(0) for part in (0, 1)
        )
        constants = one.test_loss_fn.constants
        # from 0 and 1, a tenth of the way
        torch.testing.assert_close(constants["1.step_mean"][step], 0.1 * mean)
        torch.testing.assert_close(constants["1.step_var"][step], 0.9 + 0.1 * var)


def test_per_step_predictions_do_not_depend_on_the_batch() -> None:
    trained = learner(batch_norm="per_step")
    trained.train(20)
    loss_fn = trained.test_loss_fn
    x = Lines(points=6).sample(1, torch.Generator().manual_seed(1)).query[0][0]
    seen = []
    for step in (0, 2, 5):
        predict = loss_fn.at_step(step).predictor(trained.params)
        torch.testing.assert_close(predict(x)[:2], predict(x[:2]))
        row = min(step, 2)  # later steps take the last row
        mean, var = (loss_fn.constants[f"1.step_{part}"][row] for part in ("mean", "var"))
        torch.testing.assert_close(predict(x), by_hand(trained.params, x, mean, var))
        seen.append(predict(x))
    assert not torch.allclose(seen[0], seen[1])
    assert torch.equal(seen[1], seen[2])


def test_per_step_statistics_help_and_resume_exactly(tmp_path: Path) -> None:
    one = learner(batch_norm="per_step", beta=0.01)
    start = one.adaptation_curve(2, tasks=50).mean[-1]
    one.train(150)
    assert one.adaptation_curve(4, tasks=50).mean[2] < start / 2
    one.save(tmp_path / "state.pt")
    other = learner(batch_norm="per_step", beta=0.01)
    other.load(tmp_path / "state.pt")
    assert one.train(2) == other.train(2)
    curves = [trained.adaptation_curve(2, tasks=5).mean for trained in (one, other)]
    assert torch.equal(*curves)


def test_more_inner_steps_get_rows_of_their_own() -> None:
    one = learner(batch_norm="per_step")
    one.train(2)
    one.algorithm = MAML(alpha=0.1, inner_steps=4)
    one.step()
    assert one.test_loss_fn.constants["1.step_mean"].shape == (5, 4)
    one.algorithm = MAML(alpha=0.1, inner_steps=1)
    one.step()
    assert one.test_loss_fn.constants["1.step_mean"].shape == (5, 4)


def test_a_checkpoint_of_another_mode_is_refused(tmp_path: Path) -> None:
    one, other = learner(batch_norm="transductive"), learner(batch_norm="per_step")
    for written, read in ((one, other), (other, one)):
        written.save(tmp_path / "state.pt")
        before = read.params
        with pytest.raises(ValueError, match=r"other buffers .* or another batch_norm"):
            read.load(tmp_path / "state.pt")
        assert all(torch.equal(p, before[name]) for name, p in read.params.items())
        read.step()
