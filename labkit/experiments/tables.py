"""Numbers and tables as plain text."""

from collections.abc import Collection, Sequence

NARROW, BETWEEN = 16, "  "
"""Fewest characters to which a column is wrapped, and what is between two columns."""

WIDTH = 8
"""Most characters of a number in a table or a sentence."""


def number_text(value: float, spec: str = ".4g") -> str:
    """A number in at most `WIDTH` characters: in its format if that is short enough.

    Args:
        value: Any number, infinite ones included.
        spec: As for `format`, such as ".3f", "+.4g" or ".1%".

    Example:
        >>> number_text(1.25, ".3f"), number_text(1.6e26, ".3f"), number_text(2.357e24, ".0%")
        ('1.250', '1.6e+26', '2.4e+26%')
    """
    text = f"{value:{spec}}"
    if len(text) <= WIDTH:
        return text
    sign, percent = spec[: spec.startswith("+")], "%" if spec.endswith("%") else ""
    scaled = value * 100 if percent else value
    shorter = (f"{scaled:{sign}.{digits}g}{percent}" for digits in range(WIDTH, 0, -1))
    return next(text for text in shorter if len(text) <= WIDTH)


def value_text(value: object) -> str:
    """A parameter's value: a number as by `number_text`, anything else as it is.

    Example:
        >>> value_text(0.012345678901), value_text(1_000_000_000), value_text("maml")
        ('0.012346', '1000000000', 'maml')
    """
    return number_text(value, "g") if isinstance(value, float) else str(value)


def text_table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    words: Collection[str] = (),
    width: int | None = None,
) -> str:
    """Align formatted cells in columns.

    Args:
        heads: Names of the columns.
        rows: Cells, as many in each row as there are heads.
        words: Heads of the columns to align left; the others hold numbers.
        width: Most characters of a line; the widest columns of words are wrapped. None: any number.

    Example:
        >>> print(text_table(["method", "n"], [["maml", "5"], ["anil", "10"]], {"method"}))
        method   n
        maml     5
        anil    10
    """
    from tabulate import tabulate  # noqa: PLC0415  # most commands print no table

    # tabulate aligns no heads without rows
    if not rows:
        return "  ".join(heads)
    cells = [list(heads), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    limits: list[int | None] = [None] * len(heads)
    over = 0 if width is None else sum(widths) + len(BETWEEN) * (len(heads) - 1) - width
    wrapped = [n for n, head in enumerate(heads) if head in words]
    for number in sorted(wrapped, key=lambda n: -widths[n]):
        if over > 0:
            narrower = min(max(widths[number] - over, NARROW), widths[number])
            over -= widths[number] - narrower
            limits[number] = narrower
    table: str = tabulate(
        cells,
        tablefmt="plain",
        disable_numparse=True,
        colalign=["left" if head in words else "right" for head in heads],
        maxcolwidths=limits if any(limits) else None,
    )
    return table
