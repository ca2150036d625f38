"""One meta-step as a diagram: down the inner steps of a task, and back up with its gradient."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from labkit.core import IMAML, MetaGradientTrace, Reptile
from labkit.figures.style import BEFORE, SMALL, SUPPORT, TEXT, TRUTH, algorithm_color
from labkit.session import ALGORITHMS, MetaStepView

MOST_ROWS = 7
"""So many of θ, θ′₁ … θ′_K are drawn; of more inner steps those in the middle are folded."""

TOP, HEAD, PITCH, FOOT, BELOW = 24, 88, 66, 58, 66
"""Pixels above the mean, from there to θ, from one θ′_k to the next, from θ′_K to the query loss,
and below that."""

RUNG = 13
"""Pixels from the words of a factor to the line below them."""

LEFT, FACTOR, MIDDLE, RIGHT = 0.04, 0.47, 0.5, 0.96
"""Where the way down, what joins them and the way back are, as shares of the width."""

AIR = 0.035
"""Between a mark and its words."""

LAYOUTS = {0: (0.0, 1.0), 640: (0.1, 0.9), 860: (0.18, 0.82)}
"""Least width of the page in pixels → the part of it that the diagram takes."""

LEAST_ANGLE = 0.005
"""Degrees below which an angle counts as none: rounding alone makes some."""

AHEAD = BEFORE
"""What the walk has not reached."""

_SMALL = "₀₁₂₃₄₅₆₇₈₉"


def meta_step_words(view: MetaStepView) -> list[str]:
    """What a view says in words: where the walk is, and what the order changes.

    Args:
        view: Of a `labkit.MetaStepMonitor`.
    """
    if view.trace is None:
        return ["not measured yet", *view.problems]
    cursor, steps = view.cursor, view.trace.inner_steps
    where = f"meta-step {view.meta_step + 1:,} · {view.tasks[view.task]}"
    if cursor is not None:
        where += f" · inner step {cursor.inner_step} of {steps}"
    if view.age:
        where += f" · measured {view.age:,} meta-steps ago"
    return [where, _what_the_order_changes(view, view.trace), *view.problems]


def meta_step_figure(view: MetaStepView) -> go.Figure:
    """The next meta-step of a session as a diagram, with the numbers of one task.

    On the left θ goes down its inner steps to θ′_K; at the foot is the query loss; on the right its
    gradient v goes back up, through I − α_k H_k at each step; at the top the mean over the tasks
    moves θ. With order 1 the Hessians are struck out. What the walk has not reached is grey.

    Args:
        view: Of a `labkit.MetaStepMonitor`.
    """
    sketch = _Sketch()
    rows: list[int | None] = []
    if view.trace is not None:
        rows = shown_steps(view.trace.inner_steps, _step_of(view))
        _draw(sketch, view, view.trace, rows)
    height = TOP + HEAD + PITCH * max(len(rows) - 1, 0) + FOOT + BELOW
    arranged = [
        {"width": width, "height": height, "domains": {"xaxis": [*domain], "yaxis": [0.0, 1.0]}}
        for width, domain in LAYOUTS.items()
    ]
    hidden = {"visible": False, "fixedrange": True}
    return go.Figure(
        list(sketch.traces()),
        {
            "template": "none",
            "autosize": True,
            "height": height,
            "margin": {"l": 4, "r": 4, "t": 2, "b": 2, "autoexpand": False},
            "font": {"family": "system-ui, 'DejaVu Sans', sans-serif", "size": 12, "color": TEXT},
            "hovermode": "closest",
            "dragmode": False,
            "showlegend": False,
            "xaxis": {**hidden, "range": [0, 1], "domain": [*LAYOUTS[0]]},
            "yaxis": {**hidden, "range": [height, 0]},
            "meta": {"layouts": arranged, "table": _table(view)},
        },
    )


def shown_steps(inner_steps: int, cursor: int | None) -> list[int | None]:
    """Which of θ_0 … θ_K are drawn, from the top; None stands for those that are folded.

    Args:
        inner_steps: K.
        cursor: A step to show in any case, or None.

    Example:
        >>> shown_steps(2, None), shown_steps(10, None)
        ([0, 1, 2], [0, 1, 2, None, 8, 9, 10])
        >>> shown_steps(10, 5), shown_steps(10, 4)
        ([0, 1, None, 5, None, 9, 10], [0, 1, None, 4, None, 9, 10])
    """
    if inner_steps < MOST_ROWS:
        return [*range(inner_steps + 1)]
    steps_shown = {0, 1, inner_steps - 1, inner_steps}
    if cursor is None or cursor <= 2 or cursor >= inner_steps - 2:
        steps_shown |= {2, inner_steps - 2}
    else:
        steps_shown.add(cursor)
    steps: list[int | None] = []
    for step in sorted(steps_shown):
        last = steps[-1] if steps else -1
        if last is not None and step - last == 2:
            steps.append(step - 1)
        elif last is not None and step - last > 2:
            steps.append(None)
        steps.append(step)
    return steps


@dataclass(slots=True)
class _Sketch:
    """Lines, marks and words, collected by their style: one trace for each."""

    lines: dict[tuple[str, str], list[tuple[float, float] | None]] = field(default_factory=dict)
    marks: dict[tuple[str, str], list[tuple[float, float, str]]] = field(default_factory=dict)
    words: dict[tuple[str, str], list[tuple[float, float, str]]] = field(default_factory=dict)

    def line(self, points: Sequence[tuple[float, float]], color: str, style: str = "arrow") -> None:
        """A line through some points; `style` is "arrow", "solid", "dash" or "dot"."""
        self.lines.setdefault((color, style), []).extend([*points, None])

    def mark(self, x: float, y: float, color: str, hover: str, symbol: str = "circle") -> None:
        """A mark that tells something below the pointer."""
        self.marks.setdefault((color, symbol), []).append((x, y, hover))

    def write(self, x: float, y: float, color: str, side: str, *lines: str) -> None:
        """Words; `side` is plotly's name for their place next to the point."""
        self.words.setdefault((color, side), []).append((x, y, "<br>".join(lines)))

    def traces(self) -> Iterator[go.Scatter]:
        """All of it for plotly, the words last."""
        for (color, style), points in self.lines.items():
            yield _line_trace(points, color, style)
        for (color, symbol), marks in self.marks.items():
            x, y, hover = zip(*marks, strict=True)
            yield go.Scatter(
                name=f"{symbol} {color}",
                x=x,
                y=y,
                text=hover,
                mode="markers",
                marker={"color": color, "symbol": symbol, "size": 11, "opacity": 1},
                hovertemplate="%{text}<extra></extra>",
                cliponaxis=False,
            )
        for (color, side), words in self.words.items():
            x, y, text = zip(*words, strict=True)
            yield go.Scatter(
                name=f"words {side} {color}",
                x=x,
                y=y,
                text=text,
                mode="text",
                textposition=side,
                textfont={"color": color, "size": SMALL},
                hoverinfo="skip",
                cliponaxis=False,
            )


def _line_trace(points: Sequence[tuple[float, float] | None], color: str, style: str) -> go.Scatter:
    places = [(None, None) if point is None else point for point in points]
    arrow: dict[str, Any] = {}
    if style == "arrow":
        ends = [following is None for following in [*points[1:], None]]
        last = [end and point is not None for end, point in zip(ends, points, strict=True)]
        arrow = {
            "mode": "lines+markers",
            "marker": {
                "symbol": "arrow",
                "angleref": "previous",
                "size": [9 if end else 0 for end in last],
                "color": color,
                "standoff": [6 if end else 0 for end in last],
                "opacity": 1,
            },
        }
    return go.Scatter(
        name=f"{style} {color}",
        x=[x for x, _ in places],
        y=[y for _, y in places],
        line={"color": color, "width": 1.6, "dash": "solid" if style == "arrow" else style},
        hoverinfo="skip",
        cliponaxis=False,
        **{"mode": "lines", **arrow},
    )


@dataclass(frozen=True, slots=True)
class _Walk:
    """Where everything is, and what of it has been reached."""

    view: MetaStepView
    trace: MetaGradientTrace
    rows: Sequence[int | None]

    @property
    def steps(self) -> int:
        """K."""
        return self.trace.inner_steps

    @property
    def first(self) -> float:
        """The height of θ, from the top."""
        return TOP + HEAD

    @property
    def last(self) -> float:
        """The height of θ′_K."""
        return self.first + PITCH * (len(self.rows) - 1)

    @property
    def foot(self) -> float:
        """The height of the query loss."""
        return self.last + FOOT

    @property
    def color(self) -> str:
        """That of the algorithm."""
        settings = self.view.settings
        return algorithm_color(settings.algorithm, settings.order)

    def height(self, row: int) -> float:
        """The height of a row."""
        return self.first + PITCH * row

    def down(self, step: int) -> str:
        """The colour of θ_step on the way down."""
        cursor = self.view.cursor
        return TRUTH if cursor is None or step <= cursor.inner_step else AHEAD

    @property
    def back(self) -> str:
        """The colour of the way back."""
        cursor = self.view.cursor
        return self.color if cursor is None or cursor.inner_step >= self.steps else AHEAD

    @property
    def end(self) -> str:
        """The colour of what follows the last task."""
        cursor = self.view.cursor
        done = cursor is None or cursor.task >= len(self.view.tasks) - 1
        return self.back if done else AHEAD

    def of_task(self, values: Any) -> float:
        """The entry of the task that is shown."""
        return float(values[self.view.task])


def _draw(
    sketch: _Sketch, view: MetaStepView, trace: MetaGradientTrace, rows: Sequence[int | None]
) -> None:
    walk = _Walk(view, trace, rows)
    _draw_way_down(sketch, walk)
    if isinstance(view.algorithm, Reptile):
        _draw_difference(sketch, walk)
    else:
        _draw_query(sketch, walk)
        if isinstance(view.algorithm, IMAML):
            _draw_solution(sketch, walk)
        else:
            _draw_way_back(sketch, walk)
    _draw_meta_step(sketch, walk)


def _draw_way_down(sketch: _Sketch, walk: _Walk) -> None:
    """θ, θ′₁ … θ′_K, with the steps between them."""
    trace, task = walk.trace, walk.view.task
    for row, step in enumerate(walk.rows):
        y = walk.height(row)
        if step is None:
            below = walk.rows[row + 1] or 0
            hidden = below - (walk.rows[row - 1] or 0) - 1
            sketch.write(LEFT + AIR, y, walk.down(below), "middle right", f"⋮ {hidden} more")
            continue
        color, loss = walk.down(step), float(trace.losses[task, step])
        lines = [f"<b>{_theta(step)}</b> loss {_number(loss)}"]
        hover = [f"{_theta(step)}, after {_count(step, 'inner step')}", f"support loss {loss:.5g}"]
        if step < walk.steps:
            slope = float(trace.gradient_norms[task, step])
            lines.append(f"‖∇L‖ {_number(slope)}")
            hover.append(f"length of its gradient {slope:.5g}")
        sketch.mark(LEFT, y, color, "<br>".join(hover))
        sketch.write(LEFT + AIR, y, color, "middle right", *lines)
    for row, above, below in _pairs(walk.rows):
        color, style = walk.down(below), "arrow" if below == above + 1 else "dot"
        ends = walk.height(row), walk.height(row + (1 if style == "arrow" else 2))
        sketch.line([(LEFT, ends[0]), (LEFT, ends[1])], color, style)
        if style == "arrow":
            step_length = _number(float(trace.step_lengths[task, above]), 3)
            sketch.write(LEFT + AIR, _beside(ends), color, "middle right", f"step {step_length}")


def _draw_query(sketch: _Sketch, walk: _Walk) -> None:
    """From θ′_K to the query loss, and from there to its gradient."""
    color, foot = walk.down(walk.steps), walk.foot
    _write_query(sketch, walk, color)
    sketch.line([(LEFT, walk.last), (LEFT, foot), (MIDDLE, foot)], color)
    sketch.line([(MIDDLE, foot), (RIGHT, foot), (RIGHT, walk.last)], walk.back)
    before, after = walk.trace.query_losses[walk.view.task].tolist()
    sketch.mark(
        MIDDLE,
        foot,
        color,
        f"query loss at {_theta(walk.steps)} {after:.5g}<br>at θ, before adaptation {before:.5g}",
        "diamond",
    )


def _write_query(sketch: _Sketch, walk: _Walk, color: str, *more: str) -> None:
    before, after = walk.trace.query_losses[walk.view.task].tolist()
    words = [f"query loss {_number(after)}"]
    sketch.write(MIDDLE, walk.foot - 18, color, "middle center", *words)
    below = [f"(at θ {_number(before)})", *more]
    sketch.write(MIDDLE, walk.foot + 6, color, "bottom center", *below)


def _draw_way_back(sketch: _Sketch, walk: _Walk) -> None:
    """The gradient of the query loss, from θ′_K back to θ, and what order 1 leaves out."""
    trace, task, back = walk.trace, walk.view.task, walk.trace.back
    color, steps = walk.back, walk.steps
    cut = walk.view.settings.order == 1 or back is None
    for row, step in enumerate(walk.rows):
        y = walk.height(row)
        if step is None:
            continue
        exact = back is not None and not cut
        size = float(back.norms[task, step] if exact and back else trace.query_norms[task])
        angle = float(back.angles[task, step]) if exact and back else 0.0
        name = f"v{_sub(step)}"
        far = f"{_degrees(angle)} from v{_sub(steps)}" if step < steps else "query gradient"
        sketch.mark(
            RIGHT,
            y,
            color,
            f"{name}, the gradient of the query loss at {_theta(step)}<br>length {size:.5g}"
            f"<br>{angle:.4g}° from the one at {_theta(steps)}",
        )
        sketch.write(
            RIGHT - AIR, y, color, "middle left", f"<b>{name}</b> length {_number(size)}", far
        )
    for row, above, below in _pairs(walk.rows):
        single = below == above + 1
        ends = walk.height(row), walk.height(row + (1 if single else 2))
        sketch.line([(RIGHT, ends[1]), (RIGHT, ends[0])], color, "arrow" if single else "dot")
        stretch, turn = 1.0, 0.0
        if back is not None and not cut:
            stretch = float(back.norms[task, above] / back.norms[task, below])
            turn = float(back.turns[task, above]) if single else math.nan
        what = f"×{_number(stretch, 3)}" if not cut else "×1"
        if single:
            what += f" · {_degrees(turn)}" if not cut else " · 0°"
        at = _beside(ends) if single else sum(ends) / 2
        sketch.write(RIGHT - AIR, at, color, "middle left", what)
        if single:
            _draw_factor(sketch, walk, above, _beside(ends), cut=cut)
    if back is not None and steps:
        angle, ratio = walk.of_task(back.cut_angle), walk.of_task(back.cut_ratio)
        would = ("turns", "makes") if cut else ("would turn", "make")
        sketch.write(
            MIDDLE,
            walk.foot + 24,
            SUPPORT if walk.back != AHEAD else AHEAD,
            "bottom center",
            f"order 1 {would[0]} v₀ by {_degrees(angle)}",
            f"and {would[1]} it {_number(ratio, 3)} × as long",
        )


def _draw_factor(sketch: _Sketch, walk: _Walk, step: int, y: float, *, cut: bool) -> None:
    """What the step from θ_step does to the gradient that comes back."""
    reached, at = walk.back != AHEAD, y + RUNG
    if not cut:
        sketch.line([(LEFT, at), (RIGHT, at)], walk.back, "dash")
        sketch.write(FACTOR, y, walk.back, "middle center", f"I−αH{_sub(step)}")
        return
    color = SUPPORT if reached else AHEAD
    sketch.line([(LEFT, at), (RIGHT, at)], AHEAD, "dot")
    sketch.mark(FACTOR, at, color, f"order 1 counts ∇L at {_theta(step)} as a constant", "x")
    sketch.write(FACTOR, y, color, "middle center", f"<s>αH{_sub(step)}</s>")


def _draw_difference(sketch: _Sketch, walk: _Walk) -> None:
    """Reptile: from θ′_K straight to θ − θ′_K."""
    size, foot, y = walk.of_task(walk.trace.norms), walk.foot, walk.first
    _write_query(sketch, walk, walk.down(walk.steps), "only measured")
    sketch.line([(LEFT, walk.last), (LEFT, foot), (RIGHT, foot), (RIGHT, y)], walk.back)
    what = f"θ − {_theta(walk.steps)}"
    sketch.mark(RIGHT, y, walk.back, f"{what}, the direction of this task<br>length {size:.5g}")
    sketch.write(
        RIGHT - AIR, y, walk.back, "middle left", f"<b>{what}</b>", f"length {_number(size)}"
    )
    middle = (foot + y) / 2
    sketch.write(RIGHT - AIR, middle, walk.back, "middle left", "no derivative")


def _draw_solution(sketch: _Sketch, walk: _Walk) -> None:
    """iMAML: from the gradient at θ′_K, by a linear system, to the direction of the task."""
    trace, color, y = walk.trace, walk.back, walk.first
    slope, size = walk.of_task(trace.query_norms), walk.of_task(trace.norms)
    if walk.steps:
        name = f"v{_sub(walk.steps)}"
        words = f"<b>{name}</b> length {_number(slope)}", "query gradient"
        sketch.mark(RIGHT, walk.last, color, f"{name}, the query gradient<br>length {slope:.5g}")
        sketch.write(RIGHT - AIR, walk.last, color, "middle left", *words)
        sketch.line([(RIGHT, walk.last), (RIGHT, y)], color)
        middle = walk.last - PITCH / 2
        stretch = _number(size / slope if slope else math.nan, 3)
        turn = f"×{stretch} · {_degrees(walk.of_task(trace.angles))}"
        sketch.write(RIGHT - AIR, middle, color, "middle left", "(I + H/λ)⁻¹", turn)
    sketch.mark(RIGHT, y, color, f"x with (I + H/λ)x = v{_sub(walk.steps)}<br>length {size:.5g}")
    sketch.write(RIGHT - AIR, y, color, "middle left", "<b>x</b>", f"length {_number(size)}")


def _draw_meta_step(sketch: _Sketch, walk: _Walk) -> None:
    """The mean over the tasks, and how it moves θ."""
    view, trace, color = walk.view, walk.trace, walk.end
    settings, tasks = view.settings, len(view.tasks)
    mean, away = float(trace.mean_norm), walk.of_task(trace.mean_angles)
    own = walk.of_task(trace.norms)
    sketch.line([(RIGHT, walk.first), (RIGHT, TOP)], color)
    sketch.line([(RIGHT, TOP), (LEFT, TOP)], color)
    sketch.line([(LEFT, walk.first), (LEFT, TOP)], color)
    sketch.mark(RIGHT, TOP, color, f"mean over {_count(tasks, 'task')}<br>length {mean:.5g}")
    sketch.write(
        RIGHT - AIR,
        TOP + 22,
        color,
        "middle left",
        f"<b>mean</b> of {tasks}",
        f"length {_number(mean)}",
    )
    optimizer = {"adam": "Adam", "sgd": "SGD"}.get(settings.meta_optimizer, "")
    sketch.write(
        MIDDLE, TOP - 12, color, "middle center", f"{optimizer} β {settings.beta:g}".strip()
    )
    sketch.write(
        RIGHT - AIR, walk.first - 27, color, "middle left", f"{_degrees(away)} to the mean"
    )
    hover = [f"meta-step {view.meta_step + 1:,}"]
    words = ["<b>new θ</b>"]
    if view.move is not None:
        words.append(f"moves {_number(view.move.length)}")
        hover.append(f"moves θ by {view.move.length:.5g}")
        hover.append(f"{view.move.angle:.4g}° from minus the mean")
        sketch.write(
            LEFT + AIR,
            walk.first - 27,
            color,
            "middle right",
            f"{_degrees(view.move.angle)} off −mean",
        )
    hover.append(f"length of this task's direction {own:.5g}")
    sketch.mark(LEFT, TOP, color, "<br>".join(hover))
    sketch.write(LEFT + AIR, TOP + 22, color, "middle right", *words)


def _what_the_order_changes(view: MetaStepView, trace: MetaGradientTrace) -> str:
    """The line of words that no other instrument has."""
    back, task, steps = trace.back, view.task, trace.inner_steps
    label = ALGORITHMS[view.settings.algorithm].label
    if isinstance(view.algorithm, Reptile):
        return "Reptile differentiates nothing: it moves θ toward each θ′"
    if isinstance(view.algorithm, IMAML):
        return "iMAML solves a linear system at θ′: nothing goes back through the inner steps"
    if back is None:
        return f"{label}: the way back through the Hessians is not known"
    if not steps:
        return "K = 0: without an inner step there is nothing that order 1 leaves out"
    angle, ratio = float(back.cut_angle[task]), float(back.cut_ratio[task])
    change = f"{_degrees(angle)} off, {_number(ratio, 3)} × as long"
    if view.settings.order == 1:
        return f"order 1, against the exact v₀: {change}"
    return f"exact; order 1 would be {change}"


def _table(view: MetaStepView) -> dict[str, Any]:
    """All numbers of the task for who does not see the diagram."""
    trace = view.trace
    if trace is None:
        return {"caption": "not measured yet", "head": [], "rows": []}
    task, back, steps = view.task, trace.back, trace.inner_steps
    head = ["θ", "support loss", "length of its gradient", "step length"]
    head += ["length of v", "degrees from the query gradient"] if back else []
    rows = []
    for step in range(steps + 1):
        inner = (trace.gradient_norms, trace.step_lengths) if step < steps else ()
        numbers = [float(values[task, step]) for values in (trace.losses, *inner)]
        numbers += [math.nan] * (3 - len(numbers))
        numbers += [float(back.norms[task, step]), float(back.angles[task, step])] if back else []
        rows.append([_theta(step), *map(_number, numbers)])
    before, after = trace.query_losses[task].tolist()
    singles = [
        ("query loss at θ", before),
        (f"query loss at {_theta(steps)}", after),
        ("length of the query gradient", float(trace.query_norms[task])),
        ("length of this task's direction", float(trace.norms[task])),
        ("degrees from the mean direction", float(trace.mean_angles[task])),
        ("length of the mean direction", float(trace.mean_norm)),
    ]
    if back is not None:
        singles += [
            ("degrees that order 1 turns it", float(back.cut_angle[task])),
            ("length with order 1 over exact", float(back.cut_ratio[task])),
        ]
    if view.move is not None:
        singles += [
            ("how far θ moves", view.move.length),
            ("degrees of the move from minus the mean", view.move.angle),
        ]
    rows += [[name, _number(value), *[""] * (len(head) - 2)] for name, value in singles]
    return {
        "caption": f"Meta-step {view.meta_step + 1}, {view.tasks[task]}",
        "head": head,
        "rows": rows,
    }


def _step_of(view: MetaStepView) -> int | None:
    return None if view.cursor is None else view.cursor.inner_step


def _pairs(rows: Sequence[int | None]) -> Iterator[tuple[int, int, int]]:
    """Row, step, and the next step that is drawn."""
    for row, step in enumerate(rows[:-1]):
        following = rows[row + 1]
        if following is None:
            following = rows[row + 2]
        if step is not None and following is not None:
            yield row, step, following


def _beside(ends: tuple[float, float]) -> float:
    """The height of the words next to an arrow."""
    return (ends[0] + ends[1]) / 2 - 4


def _theta(step: int) -> str:
    return f"θ′{_sub(step)}" if step else "θ"


def _sub(number: int) -> str:
    return "".join(_SMALL[int(digit)] for digit in str(number))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _degrees(angle: float) -> str:
    return "0.00°" if angle < LEAST_ANGLE else f"{_number(angle, 3)}°"


def _number(value: float, digits: int = 4) -> str:
    """A few digits, as a person writes them.

    Example:
        >>> _number(0.0321), _number(1234567.0), _number(-3e-7), _number(float("nan"))
        ('0.03210', '1.235e6', '−3.000e−7', '–')
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:#.{digits}g}" if value else "0"
    text = re.sub(r"e([+-])0*", lambda m: "e" + m[1].strip("+"), text)
    return text.rstrip(".").replace("-", "−")
