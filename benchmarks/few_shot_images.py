"""Accuracy at telling new characters or emoji apart after a few drawings of each.

Meta-trains the paper's conv4 for so many seconds of training, shows the validation accuracy on the
way, and ends with a table over 600 test tasks: python -m benchmarks.few_shot_images emoji --shots 1
(--help lists the options). Omniglot is read from the folder in LABKIT_DATA, or downloaded.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor
from torch.func import vmap

from labkit import (
    MAML,
    Algorithm,
    Emoji,
    LearnedAlpha,
    MetaLearner,
    Omniglot,
    TaskBatch,
    conv4,
    nearest_neighbour,
)
from labkit.core.types import Params
from labkit.tasks.classification import Points

Images: TypeAlias = Emoji | Omniglot
Predictor: TypeAlias = Callable[[Tensor], Tensor]
Logits: TypeAlias = Callable[[Predictor, Tensor, Tensor], Tensor]
"""(f, support images, query images) → logits of the query images, (points, ways)."""

CURVE_STEPS, TEST_STEPS = (1, 3), (1, 3, 5)
VALIDATION_TASKS, TEST_TASKS = 200, 600
CHUNK = 25  # tasks that are tested at once
UNTRAINED_ALPHAS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # of which θ₀ gets the best on validation tasks


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for on the command line; see `parse`."""

    data: str
    ways: int
    shots: int
    queries: int
    test_queries: int
    seconds: float
    threads: int
    points: int
    filters: int
    meta_batch: int
    alpha: float
    learn_alpha: bool
    inner_steps: int
    order: int
    first_order_until: int
    beta: float
    decay: bool
    seed: int
    json: Path | None

    @property
    def algorithm(self) -> MAML:
        """MAML with the step size and the order that were asked for."""
        return MAML(
            alpha=LearnedAlpha(self.alpha, granularity="tensor")
            if self.learn_alpha
            else self.alpha,
            inner_steps=self.inner_steps,
            order=1 if self.order == 1 else 2,
            first_order_until=self.first_order_until,
        )

    @property
    def model(self) -> partial[torch.nn.Sequential]:
        """A maker of conv4, for grey or coloured images."""
        channels = 1 if self.data == "omniglot" else 3
        return partial(conv4, ways=self.ways, channels=channels, filters=self.filters)

    @property
    def tasks(self) -> Images:
        """Tasks to train on."""
        family = Omniglot if self.data == "omniglot" else Emoji
        return family(ways=self.ways, shots=self.shots, queries=self.queries)

    @property
    def tests(self) -> Images:
        """The same kind of tasks as accuracies are measured on, before `on` takes a split."""
        return replace(self.tasks, queries=self.test_queries)


def together(predict: Predictor, support: Tensor, query: Tensor) -> Tensor:  # noqa: ARG001
    """Transductive: batch norm sees all query images of the task at once."""
    return predict(query)


def apart(predict: Predictor, support: Tensor, query: Tensor) -> Tensor:
    """Inductive: each query image is in a batch with the support images and no other."""
    logits: Tensor = vmap(lambda image: predict(torch.cat([support, image[None]]))[-1])(query)
    return logits


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the training curve.

    Attributes:
        meta_step: Meta-steps taken.
        seconds: Spent in meta-steps, without the measuring.
        accuracy: On the validation tasks, after each number of inner steps.
    """

    meta_step: int
    seconds: float
    accuracy: dict[int, float]


def accuracies(
    algorithm: Algorithm,
    learner: MetaLearner,
    params: Params,
    batch: TaskBatch,
    *,
    steps: tuple[int, ...] = TEST_STEPS,
    logits: Logits = together,
) -> Tensor:
    """Accuracy on the query data of each task after each of some numbers of steps, (tasks, steps).

    Args:
        algorithm: How to adapt; steps beyond those it was trained for are half as long.
        learner: Whose model is tested.
        params: θ to adapt.
        batch: Tasks.
        steps: After how many inner steps to measure.
        logits: How the query images meet batch norm, `together` or `apart`.
    """
    loss_fn, adapting = learner.test_loss_fn, algorithm.testing(max(steps))

    def one(support: Points, query: Points) -> Tensor:
        path = adapting.adapt(loss_fn, params, support).path
        outputs = [logits(loss_fn.predictor(path[k]), support[0], query[0]) for k in steps]
        return (torch.stack(outputs).argmax(-1) == query[1]).float().mean(-1)  # (steps,)

    result: Tensor = vmap(one, chunk_size=CHUNK)(batch.support, batch.query)
    return result


def train(learner: MetaLearner, options: Options, validation: TaskBatch) -> Iterator[Point]:
    """Take meta-steps until the seconds are over, and measure at evenly spaced times."""
    seconds = 0.0
    for number in range(options.points + 1):
        while seconds < options.seconds * number / options.points:
            if options.decay:
                learner.beta = options.beta * max(1 - seconds / options.seconds, 0.0)
            start = time.perf_counter()
            learner.step()
            seconds += time.perf_counter() - start
        algorithm = learner.current_algorithm()
        accuracy = accuracies(algorithm, learner, learner.params, validation, steps=CURVE_STEPS)
        means = dict(zip(CURVE_STEPS, accuracy.mean(0).tolist(), strict=True))
        yield Point(learner.meta_step, seconds, means)


def best_alpha(learner: MetaLearner, params: Params, validation: TaskBatch) -> float:
    """The step size with which θ gets the highest accuracy after the last inner step."""

    def accuracy(alpha: float) -> float:
        return float(accuracies(constant(alpha), learner, params, validation)[:, -1].mean())

    return max(UNTRAINED_ALPHAS, key=accuracy)


def constant(alpha: float) -> MAML:
    """Adaptation with the same α in all steps of the test."""
    return MAML(alpha=alpha, inner_steps=max(TEST_STEPS))


def main() -> None:
    """Train, print the curve, test, and print the table."""
    options = parse()
    torch.set_num_threads(options.threads)
    began = time.perf_counter()
    learner = MetaLearner(
        options.model,
        options.tasks,
        options.algorithm,
        beta=options.beta,
        meta_batch=options.meta_batch,
        seed=options.seed,
        batch_norm="transductive",
    )
    first = learner.params, learner.current_algorithm()
    validation = learner.held_out(VALIDATION_TASKS, options.tests.on("validation"))
    print_row(["meta-step", "training s", *(f"validation, % {after(k)}" for k in CURVE_STEPS)])
    print_row(["---:"] * (2 + len(CURVE_STEPS)))
    points = []
    for point in train(learner, options, validation):
        columns = [f"{100 * accuracy:.1f}" for accuracy in point.accuracy.values()]
        print_row([str(point.meta_step), f"{point.seconds:.0f}", *columns])
        points.append(point)

    batch = learner.held_out(TEST_TASKS, options.tests.on("test"))
    theta, algorithm = learner.params, learner.current_algorithm()
    untrained, same = first
    (x_support, y_support), (x, y) = batch.support, batch.query
    right = nearest_neighbour(x_support, y_support, x) == y
    tuned = best_alpha(learner, untrained, validation)
    rows = {
        "MAML, transductive": accuracies(algorithm, learner, theta, batch),
        "MAML, inductive": accuracies(algorithm, learner, theta, batch, logits=apart),
        "no meta-training, same α": accuracies(same, learner, untrained, batch),
        f"no meta-training, α = {tuned:g}": accuracies(constant(tuned), learner, untrained, batch),
        "nearest neighbour on pixels": right.float().mean(-1, keepdim=True),
    }
    if options.data == "omniglot":  # the paper's code turns test characters too
        turned = learner.held_out(TEST_TASKS, replace(options.tests.on("test"), rotations=True))
        for name, logits in (("transductive", together), ("inductive", apart)):
            rows[f"MAML, {name}, 90° turns in the test too"] = accuracies(
                algorithm, learner, theta, turned, logits=logits
            )
    seconds = points[-1].seconds
    measuring = time.perf_counter() - began - seconds
    write_table(options, rows)
    write(
        f"\n{learner.meta_step} meta-steps in {seconds:.0f} s of training "
        f"({1000 * seconds / max(learner.meta_step, 1):.0f} ms each), {measuring:.0f} s of "
        f"measuring; {options.threads} thread(s), torch {torch.__version__}\n"
    )
    if options.json is not None:
        write_json(options, points, rows, options.json)


def write_table(options: Options, rows: dict[str, Tensor]) -> None:
    """Print what was measured on the test tasks."""
    title = f"{options.data}, {options.ways}-way {options.shots}-shot"
    write(
        f"\nAccuracy in % over {TEST_TASKS} test tasks with {options.test_queries} query image(s) "
        f"per class, ± 1.96 standard errors\n\n"
    )
    print_row([title, *(after(k) for k in TEST_STEPS)])
    print_row(["---", *["---:"] * len(TEST_STEPS)])
    for name, accuracy in rows.items():
        cells = [f"{100 * s['mean']:.1f} ± {100 * s['ci95']:.1f}" for s in summaries(accuracy)]
        print_row([name, *cells, *["—"] * (len(TEST_STEPS) - len(cells))])


def write_json(options: Options, points: list[Point], rows: dict[str, Tensor], path: Path) -> None:
    """Write the curve and the table, with what was asked for."""
    result = {
        "options": {**asdict(options), "json": None},
        "curve": [asdict(point) for point in points],
        "test_steps": TEST_STEPS,
        "test": {name: summaries(accuracy) for name, accuracy in rows.items()},
    }
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def summaries(accuracy: Tensor) -> list[dict[str, float]]:
    """Of each column, the mean over tasks and half the width of its 95 % interval."""
    ci95 = 1.96 * accuracy.std(0) / len(accuracy) ** 0.5
    return [
        {"mean": mean, "ci95": half}
        for mean, half in zip(accuracy.mean(0).tolist(), ci95.tolist(), strict=True)
    ]


def after(steps: int) -> str:
    """So many inner steps, in words."""
    return f"after {steps} step{'s' * (steps > 1)}"


def parse() -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("data", choices=["emoji", "omniglot"], help="what to tell apart")
    add("--ways", type=int, default=5, help="N, classes per task")
    add("--shots", type=int, default=1, help="K, support images per class")
    add(
        "--queries",
        type=int,
        help="query images per class in training; None: 4 or 1 for emoji, else as the shots",
    )
    add("--test-queries", type=int, help="query images per class in tests; None: as in training")
    add("--seconds", type=float, default=600, help="seconds of training, without the measuring")
    add("--threads", type=int, default=1, help="threads of torch")
    add("--points", type=int, default=15, help="points of the training curve after the first")
    add("--filters", type=int, default=64, help="filters of conv4")
    add("--meta-batch", type=int, default=16, help="tasks per meta-step")
    add("--alpha", type=float, default=0.4, help="α, inner step size")
    add("--learn-alpha", action="store_true", help="meta-learn α, one for each tensor")
    add("--inner-steps", type=int, default=1, help="K, inner steps in training")
    add("--order", type=int, choices=[1, 2], default=1, help="1: first-order MAML; 2: exact")
    add("--first-order-until", type=int, default=0, help="meta-steps taken with order 1 at first")
    add("--beta", type=float, default=5e-3, help="β, meta step size of Adam, at first")
    add(
        "--decay",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="let β fall to 0 linearly over the seconds",
    )
    add("--seed", type=int, default=0, help="of the network and of all tasks")
    add("--json", type=Path, metavar="FILE", help="where to write the curve and the table")
    args = vars(parser.parse_args())
    if args["queries"] is None:
        # most emoji have five drawings
        args["queries"] = max(5 - args["shots"], 1) if args["data"] == "emoji" else args["shots"]
    if args["test_queries"] is None:
        args["test_queries"] = args["queries"]
    return Options(**args)


def print_row(cells: list[str]) -> None:
    """Print one row of a Markdown table as soon as it is known."""
    write(f"| {' | '.join(cells)} |\n")


def write(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
