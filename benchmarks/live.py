"""What looking costs: the live lab in a real JupyterLab and a real browser on two cores.

Prints a Markdown table; needs Chromium or Chrome, and Linux. On the notebook of the sinusoid:
python -m benchmarks.live
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks.lab_in_browser import LabInBrowser, Memory, lab_pages
from labkit.cli.lab import SURROUNDINGS

ROUNDS = 5
SETTLE_SECONDS = 1.0
SOAK_SECONDS = 30.0
"""Between two looks at the memory; α is moved once in each."""

WAYS = ("watched", "out of sight", "no lab")
_BARE = """labkit.Session(
    settings, model=labkit.sinusoid_mlp, tasks=labkit.Sinusoid, dtype=torch.float64
)"""
"""As the notebook makes its session."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table.

    Attributes:
        name: What was measured.
        value: How much.
        unit: Of the value.
        target: What it should be, in words.
    """

    name: str
    value: float
    unit: str
    target: str = ""


def spread(name: str, waits: Sequence[float], target: str = "") -> list[Row]:
    """Median, 95th percentile and largest of some milliseconds; `target` is that of the second."""
    p95 = float(np.percentile(waits, 95))
    return [
        Row(f"{name}, median", median(waits), "ms"),
        Row(f"{name}, 95th percentile", p95, "ms", target),
        Row(f"{name}, largest", max(waits), "ms"),
    ]


def rates(lab: LabInBrowser, seconds: float) -> list[Row]:
    """Meta-steps per second while the lab is seen, out of sight, and without any lab, in turn."""
    lab.kernel(f"globals().__setitem__('bare', {_BARE})")
    samples: dict[str, list[float]] = {way: [] for way in WAYS}
    redraws: list[float] = []
    for turn in range(ROUNDS):
        for way in WAYS[turn % 3 :] + WAYS[: turn % 3]:
            session = "bare" if way == "no lab" else "session"
            lab.hide(hidden=way == "out of sight")
            # a short history: each meta-step or two is drawn as its own point
            lab.kernel(f"{session}.reset()")
            lab.kernel(f"{session}.play()")
            lab.wait(SETTLE_SECONDS)
            redraws_before = lab.clock("redraws")
            now = f"({session}.last_step, __import__('time').monotonic())"
            step, begun = lab.kernel(now)
            lab.wait(seconds / ROUNDS)
            last, ended = lab.kernel(now)
            samples[way].append((last - step) / (ended - begun))
            if way == "watched":
                redraws.append((lab.clock("redraws") - redraws_before) / (ended - begun))
            lab.kernel(f"{session}.pause()")
    lab.hide(hidden=False)
    rate = {way: median(values) for way, values in samples.items()}
    unit = "meta-steps/s"
    return [
        *(Row(way, rate[way], unit) for way in WAYS),
        Row("watched / no lab", 100 * rate["watched"] / rate["no lab"], "%", "≥ 70"),
        Row("out of sight / no lab", 100 * rate["out of sight"] / rate["no lab"], "%"),
        Row("redraws of the training panel", median(redraws), "1/s", "≥ 10"),
    ]


def soak(lab: LabInBrowser, minutes: float) -> list[tuple[float, Memory]]:
    """Memory over minutes of playing with a change of α now and then, after a minute before."""
    lab.wait(60)
    began = time.monotonic()
    looks: list[tuple[float, Memory]] = []
    while (now := time.monotonic() - began) <= 60 * minutes:
        looks.append((now / 60, lab.memory()))
        lab.nudge()
        lab.wait(max(0.0, began + len(looks) * SOAK_SECONDS - time.monotonic()))
    return looks


def growth(looks: list[tuple[float, Memory]]) -> list[Row]:
    """Slopes of the least-squares lines over the second half of the looks, in units per hour."""
    late = looks[len(looks) // 2 :]
    minutes = [minute for minute, _ in late]
    rows = []
    for name, unit in (
        ("browser heap", "MB"),
        ("nodes", "1"),
        ("listeners", "1"),
        ("kernel", "MB"),
    ):
        field = name.removeprefix("browser ")
        values = [getattr(memory, field) for _, memory in looks]
        slope = 60 * float(np.polyfit(minutes, values[-len(late) :], 1)[0])
        rows.append(Row(f"{name}, at first", values[0], unit))
        rows.append(Row(f"{name}, at last", values[-1], unit))
        rows.append(Row(f"{name}, growth in the second half", slope, f"{unit}/h", "flat"))
    return rows


def measure(seconds: float, minutes: float) -> tuple[list[Row], list[tuple[float, Memory]]]:
    """All of it, on one server: the table, and the looks at the memory."""
    presses = round(5 * seconds)
    with lab_pages() as pages:
        with pages.lab() as lab:
            rows = [Row("first curve after Run All, files not cached", lab.first_curve(), "s")]
        with pages.lab() as lab:
            rows.append(Row("first curve after Run All", lab.first_curve(), "s", "≤ 5"))
            lab.start_clocks()
            show(rows)
            lab.kernel("session.play()")
            lab.wait(3)
            pauses = np.random.default_rng(0)
            keys = lab.press_keys(presses, pauses)
            show(new := spread("arrow key → redrawn curve", keys, "≤ 100"))
            rows += new
            show(new := spread("drag → redrawn curve", lab.drag(seconds / 2)))
            rows += new
            trips = []
            for _ in range(presses):
                trips.append(lab.round_trip())
                lab.wait(pauses.uniform(0.05, 0.15))
            show(new := spread("kernel's answer while playing", trips))
            rows += new
            lab.kernel("session.pause()")
            show(new := rates(lab, seconds))
            rows += new
            looks = []
            if minutes:
                lab.kernel("session.play()")
                looks = soak(lab, minutes)
                show(new := growth(looks))
                rows += new
            show(new := [Row("elements of plots replaced", lab.clock("replaced"), "1", "0")])
            rows += new
    return rows, looks


def main() -> None:
    """Measure on two cores, and print the table row by row."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--seconds", type=float, default=20, help="of each measurement (20)")
    add("--soak", type=float, default=0, metavar="MINUTES", help="also watch the memory so long")
    add("--json", type=Path, metavar="FILE", help="where to write all of it")
    options = parser.parse_args()
    # server, kernel and browser inherit both
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    for name, value in SURROUNDINGS.items():
        os.environ.setdefault(name, value)
    print_row(["on two cores", "measured", "", "target"])
    print_row(["---", "---:", "---", "---"])
    rows, looks = measure(options.seconds, options.soak)
    load = os.getloadavg()[0]
    sys.stdout.write(f"\ntorch {torch.__version__}, {platform.machine()}, load {load:.1f}\n")
    if options.json is not None:
        result = {
            "rows": [asdict(row) for row in rows],
            "memory": [{"minute": minute, **asdict(memory)} for minute, memory in looks],
        }
        text = json.dumps(result, indent=1, ensure_ascii=False)
        options.json.write_text(f"{text}\n", encoding="utf-8")


def show(rows: Sequence[Row]) -> None:
    """Print rows of the table."""
    for row in rows:
        print_row([row.name, f"{row.value:.3g}", row.unit, row.target])


def print_row(cells: list[str]) -> None:
    """Print one row of a Markdown table as soon as it is known."""
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
