"""Colours of the lab, told apart by readers with any colour vision (after Okabe and Ito)."""

from functools import cache

from labkit.session import ALGORITHMS

BEFORE = "#767676"
AFTER = ALGORITHMS["maml"].color[0]
TRUTH = "#1b1b1b"
SUPPORT = "#d55e00"
TEXT = "#444444"
AXIS = "#8c8c8c"
GRID = "#e6e6e6"

PAPER, DARK_PAPER = "#ffffff", "#111111"
LEAST_CONTRAST = 3.0
"""Of a line or a letter against the paper (WCAG 2.2, 1.4.11)."""

LEAST_ROOM_CONTRAST, ROOM_CONTRAST = 4.5, 6.5
"""On a projector: of a weak tint, and of a colour itself. At 7 two look alike to some readers."""

TINTS = 10
"""Steps from the weakest tint of a colour to the colour itself."""


def algorithm_color(algorithm: str, order: int = 2) -> str:
    """The colour that an algorithm has in every panel.

    Args:
        algorithm: As in the settings, such as "maml" or "reptile".
        order: 1 or 2; first-order MAML has its own colour.

    Raises:
        ValueError: The algorithm is unknown.

    Example:
        >>> algorithm_color("maml", 2), algorithm_color("maml", 1), algorithm_color("anil", 1)
        ('#0072b2', '#bf7839', '#9900ff')
    """
    entry = ALGORITHMS.get(algorithm)
    if entry is None:
        names = ", ".join(map(repr, ALGORITHMS))
        raise ValueError(f"algorithm must be one of {names}, got {algorithm!r}")
    first_order = entry.first_order_color if order == 1 else None
    return (first_order or entry.color)[0]


COLORS = tuple(
    color[0]
    for entry in ALGORITHMS.values()
    for color in (entry.color, entry.first_order_color)
    if color is not None
)
"""Those of the algorithms, all different."""


def step_colors(count: int, color: str = AFTER) -> list[str]:
    """Colours for the model after 1 … `count` inner steps, the last is `color`.

    Args:
        count: 0 … `TINTS`.
        color: That of the algorithm.

    Example:
        >>> step_colors(2), step_colors(1), step_colors(0)
        (['#4c9cc9', '#0072b2'], ['#0072b2'], [])
    """
    tints = _tints(color, PAPER)
    gap = (TINTS - 1) / max(count - 1, 1)
    return [tints[TINTS - 1 - round(gap * left)] for left in reversed(range(count))]


def weakest(color: str) -> str:
    """The weakest tint that still stands out from the paper."""
    return _tints(color, PAPER)[0]


def contrast(color: str, paper: str) -> float:
    """Contrast of two colours `#rrggbb`, from 1 to 21 (WCAG 2.2).

    Example:
        >>> contrast("#000000", "#ffffff")
        21.0
    """
    low, high = sorted((_luminance(color), _luminance(paper)))
    return (high + 0.05) / (low + 0.05)


def translucent(color: str, opacity: float) -> str:
    """An `rgba(…)` colour from `#rrggbb`."""
    red, green, blue = _channels(color)
    return f"rgba({red},{green},{blue},{opacity})"


def blend(color: str, strength: float, paper: str = PAPER) -> str:
    """`#rrggbb` over paper: 0 is the paper, 1 the colour itself."""
    pairs = zip(_channels(color), _channels(paper), strict=True)
    return "#" + "".join(f"{round(p + strength * (c - p)):02x}" for c, p in pairs)


def _channels(color: str) -> tuple[int, ...]:
    return tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))


def _luminance(color: str) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in _channels(color))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@cache
def _tints(color: str, paper: str, stands_out: float = LEAST_CONTRAST) -> tuple[str, ...]:
    """From the weakest tint that stands out from the paper to the colour itself."""
    strengths = (i / 100 for i in range(101))
    least = next(s for s in strengths if contrast(blend(color, s, paper), paper) > stands_out)
    steps = (least + (1 - least) * i / (TINTS - 1) for i in range(TINTS))
    return tuple(blend(color, strength, paper) for strength in steps)


DARK = {
    BEFORE: "#9a9a9a",
    TRUTH: "#f0f0f0",
    SUPPORT: "#ff8a3d",
    TEXT: "#c8c8c8",
    AXIS: AXIS,
    GRID: "#333333",
    **{
        tint: tint_on_dark
        for entry in ALGORITHMS.values()
        for color, on_dark in filter(None, (entry.color, entry.first_order_color))
        for tint, tint_on_dark in zip(
            _tints(color, PAPER), _tints(on_dark, DARK_PAPER), strict=True
        )
    },
}
"""Colour on white paper → the same on dark paper, for every colour that a figure uses."""


def _deep(color: str) -> str:
    """The colour, darkened until it stands out in a bright room."""
    darker = (blend(color, 1 - i / 40, "#000000") for i in range(41))
    return next(c for c in darker if contrast(c, PAPER) >= ROOM_CONTRAST)


ROOM = {
    **{color: _deep(color) for color in (BEFORE, SUPPORT, AXIS)},
    TRUTH: "#000000",
    TEXT: "#000000",
    GRID: "#c4c4c4",
    **{
        tint: deep
        for color in COLORS
        for tint, deep in zip(
            _tints(color, PAPER), _tints(_deep(color), PAPER, LEAST_ROOM_CONTRAST), strict=True
        )
    },
}
"""Colour on white paper → the same for a projector, whose white is grey and whose lines fade."""


def _on_any_paper(light: str, dark: str) -> str:
    """The first of the colours between the two that stands out from either paper."""
    between = (blend(dark, i / 40, light) for i in range(41))
    return next(c for c in between if min(contrast(c, PAPER), contrast(c, DARK_PAPER)) >= 3.05)


ANY_PAPER = {
    **{light: _on_any_paper(light, dark) for light, dark in DARK.items()},
    GRID: "rgba(128,128,128,0.25)",
    TEXT: BEFORE,  # letters need more than lines do
}
"""Colour on white paper → one for a figure that does not know its paper."""
