"""Colours of the lab, told apart by readers with any colour vision (after Okabe and Ito)."""

from plotly.colors import sample_colorscale

BEFORE = "#767676"
AFTER = "#0072B2"
MEDIAN = "#56B4E9"
TRUTH = "#1b1b1b"
SUPPORT = "#D55E00"
CHANGE = "#A0457A"
GRID = "#e6e6e6"


def step_colors(count: int) -> list[str]:
    """Colours from light to `AFTER` for the model after 1 … `count` inner steps."""
    if count <= 1:
        return [AFTER] * count
    scale = [[0.0, "#B9DDF1"], [1.0, AFTER]]
    colors: list[str] = sample_colorscale(scale, [i / (count - 1) for i in range(count)])
    return colors


def translucent(color: str, opacity: float) -> str:
    """An `rgba(…)` colour from `#rrggbb`."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def blend(color: str, strength: float) -> str:
    """`#rrggbb` over white: 0 is white, 1 the colour itself."""
    channels = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(255 + strength * (c - 255)):02x}" for c in channels)
