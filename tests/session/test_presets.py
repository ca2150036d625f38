"""Presets: what each says happens does happen."""

import re
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch

from labkit import PRESETS, Session, compare_directions, parameters_json, share_code
from labkit.session.catalog import PROBLEMS
from labkit.session.observe import measure_gradients
from labkit.session.presets import preset_named, preset_of
from labkit.session.settings import ParameterError


def theta(session: Session, meta_steps: int | None = None) -> list[float]:
    """θ, after training until so many meta-steps have been taken in all."""
    if meta_steps is not None:
        session.run(meta_steps)
    values: list[float] = session.snapshot().params["theta"].tolist()
    return values


def losses(session: Session) -> list[float]:
    """The adaptation curve: the loss after 0, 1, 2 … inner steps."""
    values: list[float] = session.adaptation_curve(session.snapshot()).mean.tolist()
    return values


def curvature(session: Session, scale: float = 1.0) -> float:
    """The median of the largest α·λ of a task."""
    snapshot = session.snapshot()
    point = measure_gradients(
        snapshot.observer, snapshot, snapshot.meta_step, tasks=20, scale=scale
    )
    assert point.curvature is not None
    return float(point.curvature.alpha_largest.median())


def angle(session: Session) -> float:
    snapshot = session.snapshot()
    point = measure_gradients(snapshot.observer, snapshot, 0, tasks=3, curvature=False)
    assert point.directions is not None
    return float(point.directions.mean_angle("exact", "first order"))


def first_order_bias(session: Session) -> None:
    assert theta(session, 80) == pytest.approx([0.5])
    assert losses(session)[1] == pytest.approx(0.05)
    session.set(order=2)
    assert theta(session, 160) == pytest.approx([0.2])
    assert losses(session)[1] == pytest.approx(0.032)


def first_order_diverges(session: Session) -> None:
    steps = [losses(session)[1]]
    for meta_step in (50, 100, 150):
        session.run(meta_step)
        steps.append(losses(session)[1])
    assert steps == sorted(steps)
    assert steps[-1] > 1000 * steps[0]
    session.set(order=2)
    assert theta(session, 300) == pytest.approx([0.246], abs=5e-4)


def order_back_and_forth(session: Session) -> None:
    for meta_step, end, loss in ((60, 0.2, 0.032), (120, 0.5, 0.05), (180, 0.2, 0.032)):
        assert theta(session, meta_step) == pytest.approx([end], abs=1e-3)
        assert losses(session)[1] == pytest.approx(loss, abs=1e-4)


def order_does_not_matter(session: Session) -> None:
    assert angle(session) < 0.5
    session.set(alpha=0.2)
    assert angle(session) > 90


def alpha_too_large(session: Session) -> None:
    curve = losses(session)[:6]
    assert curve == sorted(curve)
    assert session.settings.inner_steps == 5
    session.set(alpha=0.2)
    curve = losses(session)[:6]
    assert curve == sorted(curve, reverse=True)


def exploding_inner_loop(session: Session) -> None:
    curve = losses(session)
    assert curve[8] > 200 * curve[0]
    assert theta(session, 60) == pytest.approx([1.0], abs=1e-3)


def learned_alpha(session: Session) -> None:
    curve = losses(session)
    assert curve[1] / curve[0] == pytest.approx(0.85, abs=0.005)
    session.run(200)
    flat, steep = session.snapshot().alpha["theta"].tolist()  # type: ignore[index, call-overload, union-attr]
    assert steep == pytest.approx(0.3, abs=0.02)
    assert flat > 0.5
    curve = losses(session)
    assert curve[1] / curve[0] < 0.11 < 36 / 325


def solved_in_one_step(session: Session) -> None:
    assert theta(session, 60) == pytest.approx([0.0], abs=1e-6)
    assert losses(session)[1] < 1e-9
    session.set(order=1)
    assert theta(session, 90) == pytest.approx([0.0], abs=1e-6)


def beta_too_small(session: Session) -> None:
    before = losses(session)[1]
    session.run(40)
    assert abs(losses(session)[1] / before - 1) < 1e-3
    session.set(beta=0.01)
    session.run(80)
    assert losses(session)[1] < 0.9 * before


def beta_too_large(session: Session) -> None:
    off = [theta(session, meta_step)[0] - 0.2 for meta_step in range(5)]
    assert [b / a for a, b in pairwise(off)] == pytest.approx([-1.2] * 4)
    session.set(beta=4.9)
    assert abs(theta(session, 100)[0] - 0.2) < abs(off[0])


def k_mismatch(session: Session) -> None:
    assert theta(session, 60) == pytest.approx([0.0], abs=1e-4)
    assert losses(session)[5] < 1e-6
    assert losses(session)[1] == pytest.approx(0.04, abs=1e-4)
    session.set(inner_steps=1)
    assert theta(session, 120) == pytest.approx([0.2], abs=1e-3)
    assert losses(session)[1] == pytest.approx(0.032, abs=1e-4)


def reptile_is_joint(session: Session) -> None:
    assert theta(session, 80) == pytest.approx([0.8], abs=1e-6)
    session.set(inner_steps=5)
    assert theta(session, 140) == pytest.approx([0.6], abs=5e-3)


def support_is_query(session: Session) -> None:
    session.run(30)
    curve = losses(session)
    assert curve == sorted(curve, reverse=True)


def noisy_support(session: Session) -> None:
    session.run(20)
    curve = losses(session)
    assert curve[1:] == sorted(curve[1:])
    session.set(shots=16)
    session.run(40)
    assert losses(session)[1] < curve[1] / 5


def grown_curvature(session: Session) -> None:
    assert curvature(session, scale=10) == pytest.approx(0.2, abs=0.05)
    session.run(149)
    curve = losses(session)
    assert curve[1] < curve[0]
    session.run(150)
    assert session.settings.alpha == 0.1
    curve = losses(session)
    assert curve[1] > 3 * curve[0]


CHECKS: dict[str, Callable[[Session], None]] = {
    check.__name__.replace("_", "-"): check
    for check in (
        first_order_bias, first_order_diverges, order_back_and_forth, order_does_not_matter,
        alpha_too_large, exploding_inner_loop, learned_alpha, solved_in_one_step, beta_too_small,
        beta_too_large, k_mismatch, reptile_is_joint, support_is_query, noisy_support,
        grown_curvature,
    )
}  # fmt: skip


def test_every_preset_has_a_check() -> None:
    assert CHECKS.keys() == PRESETS.keys()


@pytest.mark.parametrize("name", CHECKS)
def test_what_a_preset_says_happens(name: str) -> None:
    session = PRESETS[name].session()
    preset = preset_of(session.snapshot())
    assert preset is not None
    assert preset.name == name
    CHECKS[name](session)
    assert preset_of(session.snapshot()) is preset


def test_presets_are_told_apart_and_are_no_ones_usual_session() -> None:
    recipes = [share_code(preset.recipe) for preset in PRESETS.values()]
    assert len(set(recipes)) == len(recipes)
    settings = [problem.settings for problem in PROBLEMS.values()]
    assert not any(preset.recipe.settings in settings for preset in PRESETS.values())


def test_each_has_two_sentences_and_a_title() -> None:
    for preset in PRESETS.values():
        assert len(re.findall(r"[.!?](?: |$)", preset.watch)) == 2, preset.watch
        assert preset.name == preset.name.lower()
        assert not preset.title.endswith(".")
        assert parameters_json(preset.recipe)


def test_there_is_no_other_preset() -> None:
    for name in ("FOO", None, ["first-order-bias"]):
        with pytest.raises(ParameterError, match="must be one of first-order-bias, "):
            preset_named(name)


def test_first_order_is_at_right_angles_by_the_pure_probe_too() -> None:
    session = PRESETS["order-does-not-matter"].session()
    session.set(alpha=0.2)
    learner = session.source.learner(session.settings)
    batch = learner.held_out(3, split="validation")
    directions = compare_directions(
        learner.loss_fn, learner.params, batch.support, batch.query, alpha=0.2, inner_steps=1
    )
    torch.testing.assert_close(float(directions.mean_angle("exact", "first order")), angle(session))
