"""The command `labkit sweep`."""

import math
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer
from tqdm import tqdm

from labkit.cli.endings import FAILED, INTERRUPTED, WRONG, ended, refusals, unwritten
from labkit.cli.sweep_words import design_of
from labkit.experiments import WAIT, Plan, SchedulerGoneError, SearchDesign, Status, Tally, Trial
from labkit.experiments import search as look
from labkit.experiments import sweep as make


def sweep(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder of this sweep alone.")
    ],
    notebook: Annotated[
        str | None,
        typer.Argument(
            help="Path of a notebook, or short name of one in the folder notebooks: 01_sinusoid. "
            "Left out with --file."
        ),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "-p", "--parameter", metavar="NAME VALUE", help="The same in all runs: -p shots 5."
        ),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUES",
            help="Values to go through, each with each of the other grids: alpha=0.01,0.1.",
        ),
    ] = None,
    random: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=RANGE",
            help="Values drawn at random: beta=0.1..0.5, alpha=log:0.001..0.1 with each factor of "
            "ten equally likely, inner_steps=whole:1..10.",
        ),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(metavar="N", help="How often the --random values are drawn.")
    ] = None,
    sample_seed: Annotated[
        int | None, typer.Option(metavar="N", help="Decides what is drawn.", show_default="0")
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="Each run with the seeds 0 … N − 1; or a list such as 3,7,11."
        ),
    ] = None,
    search: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Choose values from the --random ranges by what earlier ones have found (Optuna): "
            "N trials, each with all --seeds.",
        ),
    ] = None,
    minimise: Annotated[
        str | None,
        typer.Option(metavar="METRIC", help="What a --search makes small: query_loss_after."),
    ] = None,
    together: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Trials of a --search that are chosen at a time.",
            show_default="2",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "-f",
            "--file",
            metavar="FILE",
            help="The sweep from YAML or JSON: notebook, parameters, grid, random, samples, "
            "sample_seed, seeds, search, minimise, together.",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Runs at a time.", show_default="one a core"),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="A running Dask scheduler, tcp://host:8786, whose workers make the runs.",
        ),
    ] = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="Repeat the runs that have failed, too.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="Stop a run that takes longer."),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=1,
            help="How long the --scheduler may be without workers.",
            show_default=f"{WAIT:g}",
        ),
    ] = None,
) -> None:
    """Execute a notebook with many parameters, several runs at a time.

    The same command goes on where a sweep was interrupted: runs that are done are not repeated.
    DIR holds sweep.json, and in runs a folder for each run as labkit run makes it.

    Exit codes: 0 all done, 1 some failed, 2 wrong usage or parameters, 130 interrupted.

    For example:

        labkit sweep 01_sinusoid --grid alpha=0.001,0.01 --grid order=1,2 --seeds 5 -o sweeps/order

        labkit sweep 01_sinusoid --random alpha=log:0.001..0.1 --samples 20 -o sweeps/alpha

        labkit sweep 01_sinusoid --random alpha=log:0.001..0.1 --search 20 --minimise ratio -o best

        labkit sweep --file sweep.yaml --scheduler tcp://host:8786 -o sweeps/large
    """
    if jobs and scheduler:
        raise ended("--jobs is for this machine: leave it out with --scheduler", WRONG)
    if wait and not scheduler:
        raise ended("--wait is for workers of others: leave it out without --scheduler", WRONG)
    start = monotonic()
    with refusals():
        design = design_of(
            notebook,
            parameters=parameter or (),
            grid=grid or (),
            random=random or (),
            samples=samples,
            sample_seed=sample_seed,
            seeds=seeds,
            search=search,
            minimise=minimise,
            together=together,
            file=file,
        )
    trials: list[Trial] = []
    try:
        with refusals(), closing(Progress()) as progress:
            options: dict[str, Any] = {
                "jobs": jobs,
                "scheduler": scheduler,
                "retry": retry,
                "timeout": timeout,
                "wait": wait or WAIT,
                "on_event": progress,
                "on_notice": progress.say,
            }
            if isinstance(design, SearchDesign):
                trials = look(design, output, **options)
                runs = [run for trial in trials for run in trial.runs]
            else:
                runs = make(design, output, **options)
    except SchedulerGoneError as error:
        raise ended(f"{error}{progress.words}", FAILED) from None
    except OSError as error:
        raise ended(f"{unwritten(output, error)}{progress.words}", FAILED) from None
    except KeyboardInterrupt:
        raise ended(f"interrupted{progress.words}", INTERRUPTED) from None
    typer.echo(summary(runs, design.varying, monotonic() - start))
    if isinstance(design, SearchDesign):
        typer.echo(best(trials, design.minimise))
    if any(status.state == "failed" for _, status in runs):
        raise ended(f"the same command with --retry repeats what failed; see {output}/runs", FAILED)


def summary(runs: Sequence[tuple[Plan, Status]], varying: Sequence[str], seconds: float) -> str:
    """How many runs are done, and a table of those that failed with what makes each of them."""
    failed = [(plan, status) for plan, status in runs if status.state == "failed"]
    lines = [f"{len(runs) - len(failed)} of {len(runs)} runs done, {seconds:.1f} s"]
    if number := sum(status.without_result for _, status in runs):
        lines += [f"{number} of them have no result: the notebook has not recorded one"]
    if failed:
        rows = [("run", *varying, "error")] + [
            (plan.id, *(f"{plan.parameters[n]}" for n in varying), status.error or "")
            for plan, status in failed
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines += ["", f"{len(failed)} failed:"]
        lines += ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join(lines)


def best(trials: Sequence[Trial], metric: str) -> str:
    """The trial with the least metric, in a line."""
    found = min(trials, key=lambda trial: trial.metric)
    if not math.isfinite(found.metric):
        return f"no trial has a finite {metric}"
    values = ", ".join(f"{name} = {value:.4g}" for name, value in found.values.items())
    over = f", mean of {len(found.runs)} seeds" if len(found.runs) > 1 else ""
    return f"least {metric} of {len(trials)} trials: {found.metric:.4g}{over}, with {values}"


class Progress:
    """A bar on standard error: runs done, failed and left, their rate and the remaining time."""

    def __init__(self) -> None:
        self.now: Tally | None = None
        self._bar: Any = None

    def __call__(self, tally: Tally) -> None:
        """Show how far the sweep is."""
        ended_runs = tally.done + tally.failed
        if self._bar is None and not tally.left:
            return
        if self._bar is None:
            self._bar = tqdm(total=tally.runs, initial=ended_runs, unit="run", dynamic_ncols=True)
        self._bar.set_postfix(done=tally.done, failed=tally.failed, left=tally.left, refresh=False)
        self._bar.update(ended_runs - self._bar.n)
        self.now = tally

    def say(self, words: str) -> None:
        """A line beside the bar."""
        tqdm.write(f"labkit: {words}", file=sys.stderr)

    def close(self) -> None:
        """End the line."""
        if self._bar is not None:
            self._bar.close()

    @property
    def words(self) -> str:
        """What is kept of a sweep that ends early, behind the reason."""
        if self.now is None:
            return ""
        return f"; {self.now.done} of {self.now.runs} runs are done: the same command goes on there"
