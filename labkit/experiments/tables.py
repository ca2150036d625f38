"""Tables as plain text."""

from collections.abc import Collection, Sequence


def text_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], words: Collection[str] = ()
) -> str:
    """Align formatted cells in columns.

    Args:
        heads: Names of the columns.
        rows: Cells, as many in each row as there are heads.
        words: Heads of the columns to align left; the others hold numbers.

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
    table: str = tabulate(
        [list(heads), *map(list, rows)],
        tablefmt="plain",
        disable_numparse=True,
        colalign=["left" if head in words else "right" for head in heads],
    )
    return table
