"""The command `labkit sweep`."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer

from labkit.cli.errors import FAILED, INTERRUPTED, USAGE, exit_with, usage_errors, write_error
from labkit.cli.options import CheckpointEvery, design_of
from labkit.cli.progress import Display, terminal_width
from labkit.experiments import (
    WAIT,
    Plan,
    Pruner,
    SchedulerGoneError,
    SearchDesign,
    Status,
    Trial,
    best_trials,
    number_text,
    text_table,
    value_text,
)
from labkit.experiments import search as run_search
from labkit.experiments import sweep as run_sweep
from labkit.session import CHECKPOINT_SECONDS


def sweep(
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            file_okay=False,
            help="Directory for this sweep; must be new, empty, or of the same sweep.",
        ),
    ],
    notebook: Annotated[
        str | None,
        typer.Argument(
            help="Path of a notebook, or short name of one in the folder notebooks: 01_sinusoid. "
            "Not with --file."
        ),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "-p", "--parameter", metavar="NAME VALUE", help="A parameter of all runs: -p shots 5."
        ),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUES",
            help="Values of a parameter, combined with those of all other grids: alpha=0.01,0.1.",
        ),
    ] = None,
    random: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=RANGE",
            help="Random values: beta=0.1..0.5, alpha=log:0.001..0.1 with each factor of ten "
            "equally likely, inner_steps=whole:1..10, algorithm=maml,anil; 'order=1,2 if "
            "algorithm=maml' varies with this algorithm only.",
        ),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(metavar="N", help="Number of samples of the --random values.")
    ] = None,
    sample_seed: Annotated[
        int | None, typer.Option(metavar="N", help="Seed of the random values.", show_default="0")
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Repeat each run with the seeds 0 … N − 1, or with a list such as 3,7,11.",
        ),
    ] = None,
    search: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Choose values from the --random ranges by earlier results (Optuna): N trials, "
            "each with all --seeds.",
        ),
    ] = None,
    minimise: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC",
            help="The metric that a --search minimises: query_loss_after. Give several for the "
            "trials that no other beats in all.",
        ),
    ] = None,
    maximise: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC", help="A metric that it maximises: accuracy_after."),
    ] = None,
    prune: Annotated[
        Pruner | None,
        typer.Option(
            help="Give up trials of a --search whose training loss is worse than that of others at "
            "the same step, by this pruner of Optuna.",
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="End a run whose training loss after adaptation has not fallen for N meta-steps.",
        ),
    ] = None,
    together: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Trials of a --search that are chosen at once.",
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
            "sample_seed, seeds, patience, search, minimise, maximise, prune, together.",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Runs at a time.",
            show_default="one per GPU if there are some, else one per core",
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address of a Dask scheduler whose workers execute the runs: tcp://host:8786.",
        ),
    ] = None,
    retry: Annotated[
        bool,
        typer.Option(
            "--retry",
            help="Also repeat failed runs; after a change of the notebook, with the present one.",
        ),
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="Stop a run after this time."),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=1,
            help="How long the --scheduler may have no workers.",
            show_default=f"{WAIT:g}",
        ),
    ] = None,
    dashboard: Annotated[
        bool,
        typer.Option("--dashboard", help="Start Dask's dashboard, and print its address."),
    ] = False,
    checkpoint_every: CheckpointEvery = CHECKPOINT_SECONDS,
) -> None:
    """Execute a notebook with many parameters, several runs at a time.

    The same command continues an interrupted sweep: finished runs are not repeated, and those that
    were under way continue from their last checkpoints. DIR contains
    sweep.json, and in runs a folder for each finished run, as from labkit run.

    Exit codes: 0 all done, 1 some failed or diverged, 2 wrong usage or parameters, 130 interrupted.

    For example:

        labkit sweep 01_sinusoid --grid alpha=0.001,0.01 --grid order=1,2 --seeds 5 -o sweeps/order

        labkit sweep 01_sinusoid --random alpha=log:0.001..0.1 --samples 20 -o sweeps/alpha

        labkit sweep 01_sinusoid --random alpha=log:0.001..0.1 --search 20 --minimise ratio -o best

        labkit sweep --file sweep.yaml --scheduler tcp://host:8786 -o sweeps/large
    """
    if jobs and scheduler:
        raise exit_with(
            "--jobs applies to local runs only and cannot be combined with --scheduler", USAGE
        )
    if wait and not scheduler:
        raise exit_with("--wait needs --scheduler", USAGE)
    start = monotonic()
    with usage_errors():
        design = design_of(
            notebook,
            parameters=parameter or (),
            grid=grid or (),
            random=random or (),
            samples=samples,
            sample_seed=sample_seed,
            seeds=seeds,
            search=search,
            minimise=minimise or (),
            maximise=maximise or (),
            prune=prune,
            patience=patience,
            together=together,
            file=file,
        )
    trials: list[Trial] = []
    display = Display("starting workers", varying=design.varying)
    try:
        with usage_errors(), display:
            options: dict[str, Any] = {
                "jobs": jobs,
                "scheduler": scheduler,
                "retry": retry,
                "timeout": timeout,
                "wait": wait or WAIT,
                "dashboard": dashboard,
                "checkpoint_every": checkpoint_every,
                "on_event": display.count,
                "on_notice": display.notice,
                "on_progress": display.running,
                "on_end": display.ended,
            }
            if isinstance(design, SearchDesign):
                trials = run_search(design, output, **options)
                runs = [run for trial in trials for run in trial.runs]
            else:
                runs = run_sweep(design, output, **options)
    except SchedulerGoneError as error:
        raise exit_with(f"{error}{display.summary}", FAILED) from None
    except OSError as error:
        raise exit_with(f"{write_error(output, error)}{display.summary}", FAILED) from None
    except KeyboardInterrupt:
        raise exit_with(f"interrupted{display.summary}", INTERRUPTED) from None
    typer.echo(summary(runs, design.varying, monotonic() - start))
    if isinstance(design, SearchDesign):
        typer.echo(best_of(design, trials))
    states = {status.state for _, status in runs}
    if "failed" in states:
        raise exit_with(
            f"the same command with --retry repeats failed runs; see {output}/runs", FAILED
        )
    if "diverged" in states:
        raise exit_with(f"their numbers up to there are in {output}/runs", FAILED)


def summary(runs: Sequence[tuple[Plan, Status]], varying: Sequence[str], seconds: float) -> str:
    """How many runs are done, and tables of those that diverged or failed, with parameters."""
    done = sum(status.state == "done" for _, status in runs)
    pruned = sum(status.state == "pruned" for _, status in runs)
    given_up = f", {pruned} given up" if pruned else ""
    lines = [f"{done} of {len(runs)} runs done{given_up}, {seconds:.1f} s"]
    versions = Counter(status.version or "unknown" for _, status in runs)
    if len(versions) > 1:
        stems = ", ".join(f"{count} of {version}" for version, count in versions.items())
        lines += [f"runs by version of the notebook: {stems}"]
    if number := sum(status.without_result for _, status in runs):
        lines += [f"{number} of them have no result: the notebook records none"]
    for state, last in (("diverged", "at meta-step"), ("failed", "error")):
        heads = ("run", *varying, last)
        rows = [
            (plan.id, *(value_text(plan.parameters[n]) for n in varying), _end(status))
            for plan, status in runs
            if status.state == state
        ]
        if rows:
            lines += ["", f"{len(rows)} {state}:", text_table(heads, rows, heads, terminal_width())]
    return "\n".join(lines)


def _end(status: Status) -> str:
    """When a run diverged, or why it failed."""
    return status.summary if status.meta_step is None else f"{status.meta_step:,}"


def best_of(design: SearchDesign, trials: Sequence[Trial]) -> str:
    """A line on the best trial, or with several metrics a table of those that none beats."""
    names = " and ".join(design.metrics)
    best = best_trials(design, trials)
    if not best:
        return f"no trial has a finite {names}"
    seeds = len(design.seed_parameters)
    over = f", mean of {seeds} seeds" if seeds > 1 else ""
    if len(design.metrics) > 1:
        varied = tuple(design.random)
        rows = [
            (
                *(value_text(trial.values.get(name, "–")) for name in varied),
                *(number_text(trial.metrics[name]) for name in design.metrics),
            )
            for trial in best
        ]
        head = f"{len(best)} of {len(trials)} trials that none beats in {names}{over}:"
        return f"{head}\n{text_table((*varied, *design.metrics), rows, varied, terminal_width())}"
    (metric,) = design.metrics
    kind = "lowest" if design.minimise else "highest"
    values = ", ".join(f"{name} = {value_text(value)}" for name, value in best[0].values.items())
    value = number_text(best[0].metrics[metric])
    return f"{kind} {metric} of {len(trials)} trials: {value}{over}, with {values}"
