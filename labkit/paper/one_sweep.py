"""Runs of one sweep, as a table of them needs: equal but for what the table is over."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from labkit.session import CheckedModel

if TYPE_CHECKING:
    from pandas import DataFrame


def check_one_sweep(
    frame: "DataFrame", kind: type[CheckedModel], over: Sequence[str]
) -> dict[str, Any]:
    """The parameters that all runs have in common.

    Args:
        frame: Curves of runs, from `load_curves`.
        kind: What the parameters are.
        over: Those in which the runs may differ; together they name one run.

    Raises:
        ValueError: The runs differ in another one, or two have the same of these.
    """
    same = [name for name in kind.model_fields if name not in over]
    for name in same:
        found = sorted(frame[name].unique().tolist())
        if len(found) > 1:
            values = ", ".join(map(str, found))
            raise ValueError(
                f"the runs differ in {name} ({values}), and a table is of one: give the folder of "
                "one sweep"
            )
    runs = frame.drop_duplicates("run")
    twice = runs[runs.duplicated(list(over))]
    if len(twice):
        method, *others = twice[list(over)].to_numpy().tolist()[0]
        which = " and ".join(f"{n} {v}" for n, v in zip(over[1:], others, strict=True))
        raise ValueError(
            f"{method} has more than one run with {which}, of another version of the notebook "
            "or of labkit: give the folder of one of them"
        )
    return {name: frame[name].tolist()[0] for name in same}


def departures(
    settings: dict[str, Any], paper: CheckedModel, beside: Collection[str] = ()
) -> tuple[str, ...]:
    """Those of the common parameters that are not the paper's, in words.

    Args:
        settings: From `check_one_sweep`.
        paper: All of the paper's.
        beside: Names that are not a matter of the paper.
    """
    return tuple(
        f"{name} = {value}, where the paper has {getattr(paper, name)}"
        for name, value in settings.items()
        if name not in beside and value != getattr(paper, name)
    )
