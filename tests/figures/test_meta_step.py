"""The diagram of a meta-step: its words are the numbers, and what is cut is struck out."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go
import pytest
import torch

from labkit import MetaStepMonitor, MetaStepView, meta_step_figure
from labkit.figures import DARK, meta_step_words
from labkit.figures.instruments.meta_step import AHEAD, shown_steps
from labkit.figures.style import SUPPORT
from labkit.session.observe import Cursor
from tests.session.test_gradient_monitor import toy_session


def view_of(**settings: Any) -> MetaStepView:
    """Three quadratics with α = 0.3: each factor of the way back is I − 0.3 A."""
    monitor = MetaStepMonitor()
    monitor.measure(toy_session("Coupled quadratics", alpha=0.3, **settings).snapshot())
    return monitor.view


@pytest.fixture(scope="module")
def view() -> MetaStepView:
    return view_of(inner_steps=2)


def words(figure: go.Figure, color: str | None = None) -> list[str]:
    return [
        text
        for trace in figure.data
        if trace.mode == "text" and color in (None, trace.textfont.color)
        for text in trace.text
    ]


def arrows(figure: go.Figure, color: str) -> int:
    lines = [t for t in figure.data if "lines" in t.mode and t.line.color == color]
    return sum([*line.x].count(None) for line in lines)


def test_its_words_are_the_numbers_of_the_task(view: MetaStepView) -> None:
    second = replace(view, cursor=Cursor(task=1, inner_step=2))
    trace: Any = view.trace
    back, said = trace.back, words(meta_step_figure(second))
    for step in range(3):
        theta, v = ("θ", "θ′₁", "θ′₂")[step], "v" + "₀₁₂"[step]
        node = next(text for text in said if text.startswith(f"<b>{theta}</b>"))
        assert f"loss {float(trace.losses[1, step]):#.4g}" in node
        node = next(text for text in said if text.startswith(f"<b>{v}</b>"))
        assert f"length {float(back.norms[1, step]):#.4g}" in node
        if step < 2:
            assert f"{float(back.angles[1, step]):#.3g}° from v₂" in node
            assert f"step {float(trace.step_lengths[1, step]):#.3g}" in said
            stretch, turn = back.stretches[1, step], back.turns[1, step]
            assert f"×{float(stretch):#.3g} · {float(turn):#.3g}°" in said
    angle, ratio = float(back.cut_angle[1]), float(back.cut_ratio[1])
    assert f"order 1 would turn v₀ by {angle:#.3g}°<br>and make it {ratio:#.3g} × as long" in said
    assert f"<b>mean</b> of 3<br>length {float(trace.mean_norm):#.4g}" in said
    assert f"{float(trace.mean_angles[1]):#.3g}° to the mean" in said
    assert view.move is not None
    assert f"<b>new θ</b><br>moves {view.move.length:#.4g}" in said
    assert f"query loss {float(trace.query_losses[1, 1]):#.4g}" in said
    assert meta_step_words(second) == [
        "meta-step 1 · task 2 of 3, 60° · inner step 2 of 2",
        f"exact; order 1 would be {angle:#.3g}° off, {ratio:#.3g} × as long",
    ]


def test_order_1_strikes_out_the_hessians_and_tells_what_that_changes() -> None:
    view = view_of(inner_steps=2, order=1)
    figure, trace = meta_step_figure(view), view.trace
    assert trace is not None
    assert trace.back is not None
    crosses = [t for t in figure.data if t.mode == "markers" and t.marker.symbol == "x"]
    assert [len(t.x) for t in crosses] == [2]
    said = words(figure)
    assert {"<s>αH₀</s>", "<s>αH₁</s>"} <= set(words(figure, SUPPORT))
    assert not any("I−αH" in text for text in said)
    lengths = [text for text in said if text.startswith(("<b>v₀", "<b>v₁", "<b>v₂"))]
    assert all(f"length {float(trace.query_norms[0]):#.4g}" in text for text in lengths)
    ratio = float(trace.back.cut_ratio[0])
    assert float(trace.back.cut_angle[0]) < 1e-6  # θ − c is an eigenvector of A
    change = f"order 1 turns v₀ by 0.00°<br>and makes it {ratio:#.3g} × as long"
    assert change in words(figure, SUPPORT)


@pytest.mark.parametrize(
    ("cursor", "ahead"),
    [
        (None, set()),
        (Cursor(0, 1), {"θ′₂", "v₀", "v₂", "mean", "new θ"}),
        (Cursor(0, 2), {"mean", "new θ"}),
        (Cursor(2, 1), {"θ′₂", "v₀", "v₂", "mean", "new θ"}),
        (Cursor(2, 2), set()),
    ],
    ids=["before", "in the first task", "after it", "in the last task", "after the last"],
)
def test_what_the_walk_has_not_reached_is_grey(
    view: MetaStepView, cursor: Cursor | None, ahead: set[str]
) -> None:
    figure = meta_step_figure(replace(view, cursor=cursor))
    grey = words(figure, AHEAD)
    for name in ("θ", "θ′₁", "θ′₂", "v₀", "v₂", "mean", "new θ"):
        assert any(text.startswith(f"<b>{name}</b>") for text in grey) == (name in ahead)


def test_reptile_and_imaml_are_drawn_as_what_they_do() -> None:
    reptile = view_of(algorithm="reptile", inner_steps=2)
    said = words(meta_step_figure(reptile))
    assert reptile.trace is not None
    assert f"<b>θ − θ′₂</b><br>length {float(reptile.trace.norms[0]):#.4g}" in said
    assert "no derivative" in said
    assert not any("αH" in text or text.startswith("<b>v") for text in said)
    assert "Reptile differentiates nothing" in meta_step_words(reptile)[1]
    imaml = view_of(algorithm="imaml", inner_steps=2)
    assert imaml.trace is not None
    said = words(meta_step_figure(imaml))
    assert f"<b>x</b><br>length {float(imaml.trace.norms[0]):#.4g}" in said
    assert any(text.startswith("(I + H/λ)⁻¹<br>×") for text in said)
    assert not any("αH" in text for text in said)
    assert "linear system" in meta_step_words(imaml)[1]


@pytest.mark.parametrize("steps", range(11))
def test_all_steps_are_drawn_or_counted(steps: int) -> None:
    for cursor in (None, *range(1, steps + 1)):
        rows = shown_steps(steps, cursor)
        assert len(rows) <= 7
        assert {0, steps, cursor or 0} <= set(rows)
        steps_shown = [row for row in rows if row is not None]
        assert steps_shown == sorted(set(steps_shown))
        gaps = {b - a for a, b in pairwise(rows) if a is not None and b is not None}
        assert gaps <= {1}
        assert rows.count(None) == 0 or len(rows) == 7


def test_without_an_inner_step_and_without_numbers_it_can_be_drawn(view: MetaStepView) -> None:
    nothing = view_of(inner_steps=0)
    assert "K = 0" in meta_step_words(nothing)[1]
    said = words(meta_step_figure(nothing))
    assert any(text.startswith("<b>v₀</b>") and "query gradient" in text for text in said)
    empty = meta_step_figure(MetaStepView(problems=("The tasks cannot be measured: X",)))
    assert len(empty.data) == 0
    assert meta_step_words(MetaStepView(problems=("X",))) == ["not measured yet", "X"]
    trace: Any = view.trace
    bad = replace(trace, losses=torch.full_like(trace.losses, torch.nan), back=None)
    said = words(meta_step_figure(replace(view, trace=bad, move=None)))
    assert any("loss –" in text for text in said)
    assert "<b>new θ</b>" in said


def test_the_table_has_every_number_and_long_paths_are_whole_there() -> None:
    view = view_of(inner_steps=9)
    table: Any = meta_step_figure(view).layout.meta["table"]
    trace: Any = view.trace
    assert table["caption"] == "Meta-step 1, task 1 of 3, 0°"
    rows: dict[str, Sequence[str]] = {row[0]: row[1:] for row in table["rows"]}
    assert all(len(row) + 1 == len(table["head"]) for row in rows.values())
    assert rows["θ′₅"][0] == f"{float(trace.losses[0, 5]):#.4g}"
    assert rows["θ′₅"][3] == f"{float(trace.back.norms[0, 5]):#.4g}"
    assert [*rows["θ′₉"][1:3]] == ["–", "–"]
    assert rows["length of the mean direction"][0] == f"{float(trace.mean_norm):#.4g}"


def test_every_colour_has_one_for_dark_paper(view: MetaStepView) -> None:
    colors = set()
    for trace in meta_step_figure(replace(view, cursor=Cursor(0, 1))).data:
        colors |= {trace.line.color, trace.marker.color, trace.textfont.color} - {None}
    assert {color.lower() for color in colors} <= {color.lower() for color in DARK}
