"""What gradient truth takes from a training, and what it shows at the paper's settings.

`rate` plays the same training in turn alone, with the lab, with gradient truth and with
both; a view without a browser answers as a page does. Ratios are within a round, since other load
slows all; those of processor times do not depend on it. `figures` measures gradient truth along
trainings with different seeds, and what meta-steps cost. Both print Markdown tables; Linux:
python -m benchmarks.instruments rate (or figures)
"""

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import labkit
from labkit import GradientMonitor, GradientTruth, Lab, Session, Settings, measure_costs

PAPER = Settings(alpha=0.01, beta=0.001, inner_steps=1, shots=10, meta_batch=25)
META_STEPS = (0, 500, 1000, 2000, 4000)
TASKS = 25
WARM_UP = 200
"""Meta-steps before the time counts: the first ones are recorded."""


def session(settings: Settings) -> Session:
    """Sinusoids and the paper's network."""
    return Session(settings, model=labkit.sinusoid_mlp, tasks=labkit.Sinusoid)


@contextmanager
def no_lab(_: Session) -> Iterator[None]:
    """The training alone."""
    yield


@contextmanager
def lab(of: Session) -> Iterator[None]:
    """With a lab that a page shows."""
    view = Lab(of)
    watch(view.dashboard)
    yield
    view.close()


@contextmanager
def gradient_truth(of: Session) -> Iterator[None]:
    """With gradient truth that a page shows."""
    truth = GradientTruth(of)
    watch(truth.board)
    yield
    truth.close()


@contextmanager
def both(of: Session) -> Iterator[None]:
    """With gradient truth next to the lab."""
    with lab(of), gradient_truth(of):
        yield


WAYS: dict[str, Callable[[Session], Any]] = {
    "no lab": no_lab,
    "lab": lab,
    "gradient truth": gradient_truth,
    "lab and gradient truth": both,
}


def watch(board: Any) -> None:
    """Answer the messages of a board as its page would."""

    def hear(content: dict[str, Any], *_: Any) -> None:
        if "number" in content:
            say(kind="drawn", number=content["number"])

    def say(**message: Any) -> None:
        board._handle_custom_msg({"view": "a view", "asked": 0, **message}, [])

    board.send = hear
    say(kind="ready")


def processor_seconds() -> tuple[float, float]:
    """What the training's thread has used so far, and what those of the views have."""
    training = views = 0.0
    for thread in threading.enumerate():
        if thread.ident is None or not thread.name.startswith("maml-lab"):
            continue
        used = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
        if thread.name == "maml-lab-view":
            views += used
        else:
            training += used
    return training, views


def rate(seconds: float, rounds: int) -> None:
    """Meta-steps per second in each way, the share of that without, and what views use."""
    rates: dict[str, list[float]] = {name: [] for name in WAYS}
    used: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, way in WAYS.items():
            training = session(PAPER)
            training.run(WARM_UP)
            with way(training):
                training.play()
                time.sleep(seconds / 4)  # the first measurements go by
                begun, first = time.perf_counter(), training.snapshot().meta_step
                before = processor_seconds()
                time.sleep(seconds)
                after = processor_seconds()
                used[name].append((after[1] - before[1]) / (after[0] - before[0]))
                steps = training.snapshot().meta_step - first
                rates[name].append(steps / (time.perf_counter() - begun))
                training.pause()
            training.close()
    _say(
        "| | meta-steps/s | of no lab | of the lab | processor time of views / training |\n"
        "| --- | ---: | ---: | ---: | ---: |\n"
    )
    for name, values in rates.items():
        shares = [
            median(mine / theirs for mine, theirs in zip(values, rates[other], strict=True))
            for other in ("no lab", "lab")
        ]
        _say(
            f"| {name} | {median(values):.0f} | {shares[0]:.0%} | {shares[1]:.0%} "
            f"| {median(used[name]):.0%} |\n"
        )


def figures(seeds: int) -> None:
    """Angles and eigenvalues over the meta-steps for some seeds, and the cost of meta-steps."""
    _say(
        "| seed | meta-step | first order: angle, ° | length / exact | Reptile: angle, ° "
        f"| λ, median | λ, largest | tasks with α·λ > 2, of {TASKS} |\n{'| ---: ' * 8}|\n"
    )
    for seed in range(seeds):
        training, monitor = session(PAPER.changed(seed=seed)), GradientMonitor(TASKS)
        for meta_step in META_STEPS:
            training.run(meta_step)
            monitor.measure(training.snapshot())
            point = monitor.view.points[-1]
            directions, curvature = point.directions, point.curvature
            if directions is None or curvature is None:
                sys.exit("\n".join(monitor.view.problems))
            largest = curvature.largest.amax(1)  # (tasks,)
            _say(
                f"| {seed} | {meta_step:,} "
                f"| {float(directions.mean_angle('exact', 'first order')):.0f} "
                f"| {float(directions.mean_norm_ratio('first order', to='exact')):.2f} "
                f"| {float(directions.mean_angle('exact', 'Reptile')):.0f} "
                f"| {float(largest.median()):.0f} | {float(largest.max()):.0f} "
                f"| {int((curvature.alpha_largest.amax(1) > 2).sum())} |\n"
            )
        training.close()
    _say("\n| K | order | ms per meta-step | memory, MB |\n| ---: | ---: | ---: | ---: |\n")
    # longer than a person would wait: all are then replayed on a machine with other load too
    for cost in measure_costs(session(PAPER).source, PAPER, inner_steps=(1, 5), patience=8.0):
        step = cost.step
        _say(
            f"| {cost.inner_steps} | {cost.order} | {1e3 * step.seconds:.2f} "
            f"| {step.memory / 1e6:.1f} |\n"
        )


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("rate", "figures"))
    parser.add_argument("--seconds", type=float, default=8.0, help="of each way in a round (8)")
    parser.add_argument("--rounds", type=int, default=5, help="of `rate` (5)")
    parser.add_argument("--seeds", type=int, default=3, help="of `figures`, from 0 on (3)")
    args = parser.parse_args()
    if args.what == "rate":
        rate(args.seconds, args.rounds)
    else:
        figures(args.seeds)


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
