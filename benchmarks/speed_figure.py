"""The figure of the README: every peer's time relative to JAX's, from the JSON of the benchmark."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from benchmarks.peers.candidates import REFERENCE
from benchmarks.speed_report import Result, result_from_json

OURS = {"this project, eager": "#0072b2", "this project, compiled": "#d55e00"}
OTHERS = ("#777777", "#56a37c", "#b07aa1", "#a07850", "#c0a030")
ROW_INCHES = 0.34
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "speed",  # the same file for the same numbers
    "font.family": "sans-serif",
    "font.size": 9,
}


def figure(results: Sequence[Result]) -> Figure:
    """A row for each work, a dot for each peer, quartiles as lines; × JAX jit, logarithmic.

    Args:
        results: Results with one number of threads.
    """
    works = list(dict.fromkeys(result.case for result in results))
    peers = list(dict.fromkeys(result.peer for result in results))
    others = iter(OTHERS)
    colours = {peer: OURS.get(peer) or next(others) for peer in peers}
    drawing = Figure(figsize=(8, 1.2 + ROW_INCHES * len(works)), layout="constrained")
    axes = drawing.subplots()
    for peer in peers:
        rows = [result for result in results if result.peer == peer]
        middle = [row.ratio.median for row in rows]
        below = [row.ratio.median - row.ratio.low for row in rows]
        above = [row.ratio.high - row.ratio.median for row in rows]
        axes.errorbar(
            middle,
            [works.index(row.case) for row in rows],
            xerr=[below, above],
            fmt="D" if peer in OURS else "o",
            markersize=7 if peer in OURS else 5,
            color=colours[peer],
            label=peer,
            zorder=3 if peer in OURS else 2,
        )
    axes.axvline(1, color="#bbbbbb", zorder=1)
    axes.set_xscale("log")
    axes.set_xlabel(f"time of a meta-step, × {REFERENCE} (lower is faster)")
    axes.set_yticks(range(len(works)), works)
    axes.set_ylim(len(works) - 0.5, -0.5)
    axes.grid(axis="x", color="#eeeeee", zorder=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    drawing.legend(loc="outside upper center", ncols=4, frameon=False)
    return drawing


def main() -> None:
    """Read the JSON of `benchmarks.speed --out`, write the SVG."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("json", type=Path, help="what benchmarks.speed --out wrote")
    parser.add_argument("svg", type=Path, help="where the figure goes")
    parser.add_argument("--threads", type=int, help="of the results to be drawn (the fewest)")
    args = parser.parse_args()
    every = [result_from_json(each) for each in json.loads(args.json.read_text())["results"]]
    threads = args.threads or min(result.threads for result in every)
    results = [result for result in every if result.threads == threads]
    if not results:
        parser.error(f"{args.json} has no results with {threads} threads")
    with rc_context(STYLE):
        figure(results).savefig(args.svg, metadata={"Date": None})


if __name__ == "__main__":
    main()
