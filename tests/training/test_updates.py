"""What moves θ and α: against torch's own optimisers, and what one meta-step must not move."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from labkit import MAML, DivergedError, LearnedAlpha, MetaLearner, Sinusoid, sinusoid_mlp
from labkit.core.types import Params
from labkit.training.step.layout import FlatLayout, Slot
from labkit.training.step.measure import StepGradients
from labkit.training.step.optimizers import AdamRule
from labkit.training.step.update import MetaState, UpdateRule


def numbers(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def mixed() -> Params:
    """Real numbers of two precisions, and complex ones in between."""
    return {
        "a": numbers(2, 3).float(),
        "b": torch.complex(numbers(2, 2, seed=1), numbers(2, 2, seed=2)),
        "c": numbers(4, seed=3).float(),
        "d": numbers(seed=4),
    }


def test_flat_and_back() -> None:
    params = mixed()
    layout = FlatLayout(params)
    vectors = layout.flat(params)
    assert [(vector.dtype, len(vector)) for vector in vectors] == [
        (torch.float32, 10),
        (torch.float64, 8),
        (torch.float64, 1),
    ]
    again = layout.params(vectors)
    assert list(again) == list(params)
    for name, tensor in params.items():
        assert torch.equal(again[name], tensor)
    counts = [torch.tensor(float(number)) for number in range(3)]
    memories = [{"m": v, "step": count} for v, count in zip(vectors, counts, strict=True)]
    slots = [Slot(each["m"], each) for each in memories]
    spread = layout.spread(slots)
    assert [float(memory["step"]) for memory in spread] == [0, 1, 0, 2]
    for name, memory in zip(params, spread, strict=True):
        assert torch.equal(memory["m"], params[name])
    for back, memory in zip(layout.gather(spread), memories, strict=True):
        assert torch.equal(back["m"], memory["m"])
        assert back["step"] is memory["step"]


def rule_and_state(params: Params, **changes: Any) -> tuple[UpdateRule, MetaState]:
    layout = FlatLayout(params)
    rule = AdamRule()
    slots = [rule.start(vector) for vector in layout.flat(params)]
    finite = torch.ones((), dtype=torch.bool)
    state = MetaState(slots, [], torch.tensor(0.1), (torch.tensor(0.5),), finite)
    return UpdateRule(layout, rule, None, changes.get("clip")), state


@pytest.mark.parametrize("where", [0, 1, 2, None])
def test_what_is_not_finite_moves_nothing_from_then_on(where: int | None) -> None:
    params = mixed()
    rule, state = rule_and_state(params)
    losses = torch.ones(3)
    if where is not None:
        losses[where] = torch.nan
    once = rule.apply(state, StepGradients(losses, params, None))
    assert bool(once.finite) == (where is None)
    twice = rule.apply(
        state._replace(theta=once.theta, finite=once.finite),
        StepGradients(torch.ones(3), params, None),
    )
    assert bool(twice.finite) == (where is None)
    for old, new in zip(state.theta, twice.theta, strict=True):
        assert torch.equal(old.value, new.value) == (where is not None)
        assert float(new.memory["step"]) == (2 if where is None else 0)


def test_clipped_over_all_tensors_together() -> None:
    params = {"a": torch.tensor([3.0, 0.0]), "b": torch.tensor([4.0], dtype=torch.float64)}
    rule, state = rule_and_state(params, clip=1.0)
    after = rule.apply(state, StepGradients(torch.zeros(3), params, None))
    # norm 5: a fifth of each; the mean of Adam is a tenth of that
    moments = [slot.memory["exp_avg"] for slot in after.theta]
    assert_close(moments[0], torch.tensor([0.06, 0.0]))
    assert_close(moments[1], torch.tensor([0.08], dtype=torch.float64), atol=1e-6, rtol=0)


def trained(**options: Any) -> MetaLearner:
    model = sinusoid_mlp(torch.Generator().manual_seed(0), width=6)
    algorithm = MAML(alpha=LearnedAlpha(0.01, granularity="tensor", per_step=True), inner_steps=2)
    return MetaLearner(model, Sinusoid(), algorithm, meta_batch=4, **options)


def test_checkpoints_of_torchs_optimiser_are_taken_up(tmp_path: Path) -> None:
    """As they were written before θ was moved as one vector."""
    learner = trained(beta=0.02)
    learner.train(5)
    state = learner.state()
    leaves = [
        *state["params"].values(),
        *(v for row in state["alpha"]["rows"] for v in row.values()),
    ]
    groups_of: list[dict[str, Any]] = [{"params": leaves[:6], "lr": 0.02}, {"params": leaves[6:]}]
    optimizer = torch.optim.Adam(groups_of)
    empty = optimizer.state_dict()
    groups = [group | {"lr": 0.02} for group in empty["param_groups"]]
    theirs = {"state": state["optimizer"]["state"], "param_groups": groups}
    optimizer.load_state_dict(theirs)  # torch takes what was written
    torch.save(state | {"optimizer": optimizer.state_dict()}, tmp_path / "before.pt")
    again = trained(beta=0.5)
    again.load(tmp_path / "before.pt")
    assert again.beta == 0.02
    assert again.train(5) == learner.train(5)
    for name, tensor in learner.params.items():
        assert torch.equal(tensor, again.params[name])
    # one that was written before the first meta-step, when torch's optimiser has no memory yet
    fresh = trained(beta=0.02)
    torch.save(
        fresh.state() | {"optimizer": empty | {"param_groups": groups}}, tmp_path / "first.pt"
    )
    again.load(tmp_path / "first.pt")
    assert again.train(3) == fresh.train(3)


def test_a_family_of_noise_is_sampled_by_it() -> None:
    for family in (Sinusoid(shots=3), Sinusoid(shots=3, oracle=True)):
        one, two = (torch.Generator().manual_seed(5) for _ in range(2))
        expected, actual = family.sample(4, one), family.tasks_of(family.noise(4, two))
        assert torch.equal(one.get_state(), two.get_state())
        for left, right in zip(
            (*expected.support, *expected.query), (*actual.support, *actual.query), strict=True
        ):
            assert torch.equal(left, right)


class Plain:
    """The same family to one who only knows how to sample."""

    def __init__(self, family: Sinusoid) -> None:
        self._family = family

    def sample(self, tasks: int, generator: torch.Generator) -> Any:
        return self._family.sample(tasks, generator)

    def loss(self, predict: Any, batch: Any) -> Tensor:
        return self._family.loss(predict, batch)


def test_drawn_before_or_within_the_meta_step_is_the_same() -> None:
    model = sinusoid_mlp(torch.Generator().manual_seed(0), width=6)
    one, two = (
        MetaLearner(model, tasks, MAML(), meta_batch=4) for tasks in (Sinusoid(), Plain(Sinusoid()))
    )
    assert one.train(5) == two.train(5)


def test_many_at_once_end_where_one_is_not_finite_and_go_on_from_there() -> None:
    def learner() -> MetaLearner:
        model = sinusoid_mlp(torch.Generator().manual_seed(0), width=6)
        return MetaLearner(model, Failing(), MAML(), meta_batch=4, beta=0.01)

    together, single = learner(), learner()
    with pytest.raises(DivergedError, match="in meta-step 4, before adaptation"):
        together.train(7)
    steps = [single.step() for _ in range(3)]
    assert together.meta_step == 3
    for name, tensor in single.params.items():
        assert torch.equal(tensor, together.params[name])
    # both continue with the tasks that came next, now that they are finite
    for each in (together, single):
        each.tasks = Sinusoid()
    assert together.train(4) == single.train(4)
    assert len({step.loss_after for step in steps}) == 3


class Failing(Plain):
    """One task of the fourth batch cannot be learned."""

    def __init__(self) -> None:
        super().__init__(Sinusoid())
        self._batches = 0

    def sample(self, tasks: int, generator: torch.Generator) -> Any:
        batch = super().sample(tasks, generator)
        if tasks == 4:  # the trial takes two
            self._batches += 1
        if self._batches == 4:
            batch.query[1][0, 0] = torch.inf
        return batch
