"""A page that plays without a kernel: a session's run, recorded, and the lab's own front end."""

import base64
import copy
import gzip
import html
import json
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from labkit.figures import DARK, ROOM, lab_figures, lab_view, show_lab, task_panel
from labkit.session import Ghost, Session, Snapshot, repeating, share_code
from labkit.training import AdaptationCurve, Between
from labkit.widgets.controls import Json
from labkit.widgets.dashboard import PANELS
from labkit.widgets.live_figure import LiveFigure
from labkit.widgets.plotly_bundle import SCRIPT, STYLES, plotly_bundle
from labkit.widgets.protocol import packed, same

REPLAY = STYLES.with_name("replay.js")
"""What the page needs besides the front end, built from `js/src/replay.ts`."""

STATES = 200
"""Meta-steps that are recorded, unless there are fewer."""

CONTROLS = ("play", "status", "look", "large", "shown_step", "all_steps")
"""Of the lab: those that ask nothing of a session but what is recorded."""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 12px; background: Canvas; color: CanvasText; font: 14px system-ui, sans-serif; }}
details {{ margin-top: 12px; }}
pre {{ overflow-wrap: anywhere; white-space: pre-wrap; }}
{styles}
</style>
</head>
<body>
<main id="maml-lab"></main>
<details><summary>{summary}</summary><pre>{settings}</pre></details>
<noscript>This page needs JavaScript.</noscript>
<script type="text/plain" id="maml-lab-recording">{recording}</script>
<script type="text/plain" id="maml-lab-arrays">{arrays}</script>
<script type="text/plain" id="maml-lab-plotly">{plotly}</script>
<script type="text/plain" id="maml-lab-widget">{widget}</script>
<script type="text/plain" id="maml-lab-replay">{replay}</script>
<script type="module">
const load = (name) => {{
  const {{ textContent }} = document.getElementById(`maml-lab-${{name}}`);
  return import(URL.createObjectURL(new Blob([textContent], {{ type: "text/javascript" }})));
}};
const [frontEnd, {{ play }}] = await Promise.all(["widget", "replay"].map(load));
await play(frontEnd);
</script>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Frame:
    """One recorded meta-step.

    Attributes:
        meta_step: Which.
        figures: Panel → what differs from the first frame: {"traces": [[number, {property:
            value}], …], "layout": {property: value}}; {"whole": figure} where it is another kind.
        state: Name of a control → how it stands, as in `Dashboard.state`.
    """

    meta_step: int
    figures: dict[str, Any]
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recording:
    """What a page plays.

    Attributes:
        controls: As the front end reads them.
        first: Panel → the figure at the first frame.
        frames: In the order of their meta-steps.
    """

    controls: list[Json]
    first: dict[str, Any]
    frames: list[Frame]


def record(
    session: Session,
    controls: Sequence[Json],
    *,
    states: int = STATES,
    between: Between | None = None,
) -> Recording:
    """Measure what the lab shows at many meta-steps of a run, and at all changes of settings.

    Args:
        session: Its run until now, with the kept runs; it is neither changed nor paused.
        controls: Groups of the lab's controls, as JSON, from which the page takes some.
        states: Meta-steps to record, ≥ 2, evenly spaced; changes of settings come on top.
        between: Called now and then; an exception that it raises ends the recording.

    Raises:
        ValueError: `states` is below 2.
    """
    if type(states) is not int or states < 2:
        raise ValueError(f"states must be a whole number ≥ 2, got {states!r}")
    latest = session.snapshot(session.last_step)
    last = latest.meta_step
    evenly = {round(float(at)) for at in np.linspace(0, last, states)}
    changes = {event.meta_step for event in latest.events if event.meta_step <= last}
    lock = threading.RLock()
    live: dict[str, LiveFigure] = {}
    kind: str | None = None
    first: dict[str, Any] = {}
    frames: list[Frame] = []
    kept: dict[Ghost, AdaptationCurve] = {}
    for meta_step in sorted(evenly | changes):
        if between is not None:
            between()
        snapshot = replace(session.snapshot(meta_step), last_step=last)
        view = lab_view(session, snapshot=snapshot, kept_curves=kept)
        before, kind = kind, task_panel(view.portrait).kind
        if not live or kind != before:
            empty = lab_figures(view.portrait)
            live = {name: LiveFigure(figure, lock) for name, figure in empty.items()}
        show_lab(live, view)
        figures = {name: copy.deepcopy(live[name].take_whole()) for name in PANELS}
        first = first or figures
        frames.append(
            Frame(
                meta_step,
                {name: _difference(first[name], figures[name]) for name in PANELS},
                _state(snapshot),
            )
        )
    return Recording(_controls(controls, last), first, frames)


def replay_page(
    session: Session,
    controls: Sequence[Json],
    *,
    states: int = STATES,
    between: Between | None = None,
) -> str:
    """One HTML file that plays a session's run: no kernel, no network.

    Args:
        session: As for `record`.
        controls: As for `record`.
        states: As for `record`.
        between: As for `record`.

    Returns:
        HTML with the front end, plotly.js and the recorded numbers, these in single precision.

    Raises:
        ValueError: As for `record`.
    """
    recording = record(session, controls, states=states, between=between)
    recipe = session.recipe()
    bundle = plotly_bundle()
    values = {
        **asdict(recording),
        "dark": {color.lower(): dark for color, dark in DARK.items()},
        "room": {color.lower(): strong for color, strong in ROOM.items()},
        "library": bundle.digest,
    }
    content, buffers = packed(_single(values))
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    last = recording.frames[-1].meta_step
    settings = repeating(recipe).model_dump(mode="json")
    return _PAGE.format(
        title=html.escape(f"MAML Lab, {last:,} meta-steps"),
        styles=STYLES.read_text(encoding="utf-8"),
        summary="Settings, and a share code that continues this run in a live lab",
        settings=html.escape(
            "\n".join([f"{name}: {value}" for name, value in settings.items()])
            + f"\n\n{share_code(recipe)}"
        ),
        recording=_text(gzip.compress(text.encode(), mtime=0)),
        arrays=_text(gzip.compress(b"".join(buffers), mtime=0)),
        plotly=_text(bundle.packed),
        widget=_script(SCRIPT),
        replay=_script(REPLAY),
    )


def _controls(groups: Sequence[Json], last: int) -> list[Json]:
    """Those that the page has; its slider goes to the last meta-step and is never folded."""

    def fitted(control: Any) -> Any:
        history = {"high": max(1, last), "essential": True}
        return {**control, **history} if control["name"] == "look" else control

    kept: list[Any] = [
        {**group, "controls": [fitted(c) for c in group["controls"] if c["name"] in CONTROLS]}
        for group in cast("Sequence[dict[str, Any]]", groups)
    ]
    return [group for group in kept if group["controls"]]


def _state(snapshot: Snapshot) -> dict[str, Any]:
    settings = snapshot.settings
    steps = settings.inner_steps
    return {
        "status": {
            "value": [
                f"meta-step {snapshot.meta_step:,} of {snapshot.last_step:,} · recorded",
                f"α = {settings.alpha:g} · β = {settings.beta:g} · K = {steps} · "
                f"order {settings.order}",
            ]
        },
        "look": {"value": snapshot.meta_step},
        "shown_step": {"high": max(1, steps)},
    }


def _difference(first: dict[str, Any], figure: dict[str, Any]) -> dict[str, Any]:
    one, other = first["data"], figure["data"]
    if [trace.get("type") for trace in one] != [trace.get("type") for trace in other]:
        return {"whole": figure}
    pairs = (_changed(a, b) for a, b in zip(one, other, strict=True))
    traces = [[number, changes] for number, changes in enumerate(pairs) if changes]
    return {"traces": traces, "layout": _changed(first["layout"], figure["layout"])}


def _changed(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    names = {**one, **other}
    return {name: other.get(name) for name in names if not same(one.get(name), other.get(name))}


def _single(value: Any) -> Any:
    """Numbers of arrays in single precision: more than a screen can show."""
    if isinstance(value, np.ndarray):
        return value.astype("<f4") if value.dtype.kind == "f" else value
    if isinstance(value, dict):
        return {name: _single(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [_single(held) for held in value]
    return value


def _script(path: Path) -> str:
    """A script as text in a page, which its own text must not end."""
    return path.read_text(encoding="utf-8").replace("</script", "<\\/script")


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
