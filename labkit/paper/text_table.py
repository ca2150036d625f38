"""A table as text, its columns as wide as their widest cell."""

from collections.abc import Collection, Sequence


def text_table(lines: Sequence[Sequence[str]], words: Collection[int]) -> str:
    """Align the cells of all lines, which have the same number of them.

    Args:
        lines: The first has the heads.
        words: Numbers of the columns that are aligned to the left; others hold numbers.

    Example:
        >>> print(text_table([["method", "n"], ["maml", "10"]], {0}))
        method   n
        maml    10
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if number in words else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
