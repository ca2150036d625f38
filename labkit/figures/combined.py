"""Several panels as one figure: for recorded notebooks and files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

GAP = 0.11
"""Between adaptation and task, as a share of the width between the outer margins."""

_UPPER = ("adaptation", "task")
_ANCHORS = ("anchor", "overlaying", "scaleanchor", "matches")


@dataclass(frozen=True, slots=True)
class _PanelArea:
    """Where a panel's plotting area lies in the whole.

    Attributes:
        figure: The panel's.
        x: Left and right end, as shares of the width between the outer margins.
        top: Upper end, pixels above the lower outer margin.
        whole: Height between the outer margins, pixels.
    """

    figure: dict[str, Any]
    x: tuple[float, float]
    top: float
    whole: float

    @property
    def margin(self) -> dict[str, float]:
        margin: dict[str, float] = self.figure["layout"]["margin"]
        return margin

    @property
    def height(self) -> float:
        """Of the panel's plotting area, pixels."""
        return _area(self.figure)

    def across(self, share: float) -> float:
        """From a share of the panel's width to one of the whole's."""
        left, right = self.x
        return left + share * (right - left)

    def up(self, share: float) -> float:
        """From a share of the panel's height to one of the whole's."""
        return (self.top - (1 - share) * self.height) / self.whole

    def up_from_edge(self, share: float) -> float:
        """From a share of the panel's height with its margins to one of the whole's."""
        pixels = share * self.figure["layout"]["height"] - self.margin["b"]
        return self.up(pixels / self.height)


def combined(figures: Mapping[str, go.Figure]) -> go.Figure:
    """One figure of three: adaptation and task side by side, training below.

    Args:
        figures: "adaptation", "task" and "training", as `adaptation_figure` and the others make
            them; they stay as they are.

    Returns:
        A figure with all their traces, on axes of its own.

    Raises:
        ValueError: There are other figures than these three.
    """
    if set(figures) != {"adaptation", "task", "training"}:
        raise ValueError(
            f"figures must be 'adaptation', 'task' and 'training', got {', '.join(figures)}"
        )
    plain = {name: _plain(figure) for name, figure in figures.items()}
    whole = go.Figure()
    first = plain["adaptation"]["layout"]
    inner = _inner_height(plain)
    bottom = plain["training"]["layout"]["margin"]["b"]
    margin = {**first["margin"], "t": _margin_top(plain), "b": bottom}
    modes = [each["layout"].get("hovermode") for each in plain.values()]
    whole.update_layout(
        template="none",
        height=inner + margin["t"] + margin["b"],
        autosize=True,
        margin=margin,
        font=first["font"],
        uirevision=first["uirevision"],
        # a panel that does not want one box for all has its reasons
        hovermode="closest" if "closest" in modes else first["hovermode"],
    )
    counters = _Counters()
    for place in _places(plain, inner):
        _add(whole, place, counters)
    return whole


def _plain(figure: go.Figure) -> dict[str, Any]:
    """Copies that may be changed; `Figure.to_plotly_json` would turn arrays into text."""
    data = [trace.to_plotly_json() for trace in figure.data]
    return {"data": data, "layout": figure.layout.to_plotly_json()}


class _Counters:
    """Numbers for axes and legends that no other panel has."""

    def __init__(self) -> None:
        self._used = {"x": 0, "y": 0, "legend": 0}

    def named(self, kind: str, old: list[str]) -> dict[str, str]:
        """A panel's name → that in the whole."""
        names = {}
        for name in old:
            self._used[kind] += 1
            names[name] = kind + (str(self._used[kind]) if self._used[kind] > 1 else "")
        return names


def _area(figure: dict[str, Any]) -> float:
    layout = figure["layout"]
    return float(layout["height"] - layout["margin"]["t"] - layout["margin"]["b"])


def _margin_top(plain: Mapping[str, dict[str, Any]]) -> float:
    return min(float(plain[name]["layout"]["margin"]["t"]) for name in _UPPER)


def _inner_height(plain: Mapping[str, dict[str, Any]]) -> float:
    """Height between the outer margins: the upper panels, and the one below with its title."""
    upper = max(plain[name]["layout"]["height"] for name in _UPPER) - _margin_top(plain)
    return float(upper + plain["training"]["layout"]["margin"]["t"] + _area(plain["training"]))


def _places(plain: Mapping[str, dict[str, Any]], inner: float) -> Iterator[_PanelArea]:
    halves = (0, (1 - GAP) / 2), ((1 + GAP) / 2, 1)
    for name, x in zip(_UPPER, halves, strict=True):
        deeper = plain[name]["layout"]["margin"]["t"] - _margin_top(plain)
        yield _PanelArea(plain[name], x, inner - deeper, inner)
    yield _PanelArea(plain["training"], (0, 1), _area(plain["training"]), inner)


def _add(whole: go.Figure, place: _PanelArea, counters: _Counters) -> None:
    layout = place.figure["layout"]
    axes = {
        **counters.named("x", _axes(layout, "x")),
        **counters.named("y", _axes(layout, "y")),
    }
    legends = counters.named("legend", sorted(key for key in layout if key.startswith("legend")))
    for trace in place.figure["data"]:
        trace |= {
            "xaxis": axes[trace.get("xaxis") or "x"],
            "yaxis": axes[trace.get("yaxis") or "y"],
        }
        if trace["type"] not in ("image", "heatmap"):
            trace["legend"] = legends[trace.get("legend") or "legend"]
        whole.add_trace(trace)
    for old, new in axes.items():
        key = _key(old)
        whole.layout[_key(new)] = _axis(layout[key], old[0], place, axes)
    for old, new in legends.items():
        whole.layout[new] = _legend(layout[old], place)
    for annotation in layout.get("annotations", ()):
        whole.add_annotation(_annotation(annotation, place, axes))
    whole.add_annotation(_title(layout["title"], place))


def _axes(layout: Mapping[str, Any], kind: str) -> list[str]:
    return [key.replace("axis", "") for key in sorted(layout) if key.startswith(f"{kind}axis")]


def _key(axis: str) -> str:
    return f"{axis[0]}axis{axis[1:]}"


def _axis(
    axis: dict[str, Any], kind: str, place: _PanelArea, names: Mapping[str, str]
) -> dict[str, Any]:
    result = dict(axis)
    if "overlaying" not in axis:
        put = place.across if kind == "x" else place.up
        result["domain"] = [put(end) for end in axis.get("domain", (0, 1))]
    if "anchor" not in axis:
        result["anchor"] = "y" if kind == "x" else "x"
    for reference in _ANCHORS:
        if reference in result:
            result[reference] = names.get(result[reference], result[reference])
    return result


def _legend(legend: dict[str, Any], place: _PanelArea) -> dict[str, Any]:
    result = {**legend, "x": place.across(legend["x"]), "yref": "paper"}
    from_edge = legend.get("yref") == "container"
    result["y"] = place.up_from_edge(legend["y"]) if from_edge else place.up(legend["y"])
    return result


def _annotation(
    annotation: dict[str, Any], place: _PanelArea, names: Mapping[str, str]
) -> dict[str, Any]:
    result = dict(annotation)
    for name, put in (("x", place.across), ("y", place.up)):
        reference = annotation[f"{name}ref"]
        if reference == "paper":
            result[name] = put(annotation[name])
        else:
            result[f"{name}ref"] = names[reference]
    return result


def _title(title: dict[str, Any], place: _PanelArea) -> dict[str, Any]:
    """A title at the panel's upper left corner, as an annotation."""
    return {
        "text": title["text"],
        "font": title["font"],
        "x": place.x[0],
        "y": place.up(1),
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "top",
        "xshift": title["pad"]["l"] - place.margin["l"],
        "yshift": place.margin["t"] - title["pad"]["t"] + 4,
        "showarrow": False,
    }
