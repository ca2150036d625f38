"""A search: what Optuna chooses, that it continues where it was, and what is refused."""

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labkit.experiments.compare.loading import read_runs
from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.result import Result
from labkit.experiments.runs.run_folder import RESULT, STATUS, RunFolder, Status
from labkit.experiments.sweeps import optuna_search as searching
from labkit.experiments.sweeps.grid import Tally
from labkit.experiments.sweeps.optuna_search import SearchDesign, best_trials, search
from labkit.experiments.sweeps.sweep_folder import SweepFolder, SweepFolderError
from labkit.experiments.sweeps.workers import OnProgress
from labkit.session import RunProgress
from labkit.session.settings.parameters import ParameterError
from tests.experiments.stand_in import StandIn
from tests.experiments.tiny_notebook import tiny_notebook

BEST = 0.01


class Runs(StandIn):
    """Stands in for `run` and the workers: (log α − log 0.01)² + seed, without running."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Plan] = []
        self.interrupted_after = math.inf
        self.failing: set[int] = set()
        self.diverging: set[int] = set()
        self.without_result = False

    def run(self, plan: Plan, folder: Path) -> Status:
        if len(self.made) == self.interrupted_after:
            raise KeyboardInterrupt
        alpha, seed = plan.parameters["alpha"], plan.parameters["seed"]
        own = RunFolder(folder)
        status = replace(Status.running(plan.id, "tiny"), state="done")
        if len(self.made) in self.failing:
            status = replace(status, state="failed", error="no luck")
        if len(self.made) in self.diverging:
            status = replace(status, state="diverged", meta_step=12, error="it diverged")
        own.begin(status, dict(plan.parameters))
        value = math.log(alpha / BEST) ** 2 + seed
        metrics = {"far": value, "near": -value, "steep": alpha, "odd": math.nan}
        result = Result({}, metrics, {}, [], {})
        if self.without_result:
            status = replace(status, without_result=True)
        else:
            own.write(RESULT, json.dumps(result.to_json()))
        own.write(STATUS, json.dumps({n: getattr(status, n) for n in status.__slots__}))
        self.made.append(plan)
        return status


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    fakes = Runs()
    fakes.install(searching, monkeypatch)
    return fakes


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, Any]:
    return {
        "notebook": tiny_notebook(tmp_path),
        "random": {"alpha": {"low": 1e-5, "high": 10.0, "scale": "log"}},
        "seeds": [1, 3],
        "search": 24,
        "minimise": "far",
    }


def tried(folder: Path, parts: dict[str, Any], **more: Any) -> list[tuple[float, ...]]:
    """α and metric of each trial."""
    design = SearchDesign.checked({**parts, **more})
    trials = search(design, folder, timeout=7)
    return [(t.values["alpha"], *t.metrics.values()) for t in trials]


def test_later_trials_are_better_than_random_ones(
    runs: Runs, parts: dict[str, Any], tmp_path: Path
) -> None:
    result = tried(tmp_path / "s", parts)
    assert len(result) == 24
    for alpha, metric in result:
        assert metric == pytest.approx(math.log(alpha / BEST) ** 2 + 2)  # seeds 1 and 3
    # at random six of fourteen decades' worth is further than this from the best
    chosen = [abs(math.log10(alpha / BEST)) for alpha, _ in result[10:]]
    at_random = [abs(math.log10(alpha / BEST)) for alpha, _ in result[:10]]
    assert sum(chosen) / 14 < sum(at_random) / 10 / 2
    assert len(runs.made) == 48
    assert runs.begun == 1
    assert {plan.parameters["seed"] for plan in runs.made} == {1, 3}


def test_an_interrupted_search_goes_on_with_the_same_choices(
    runs: Runs, parts: dict[str, Any], tmp_path: Path
) -> None:
    undisturbed = tried(tmp_path / "other", parts)
    runs.made.clear()
    for after in (1, 27):
        runs.interrupted_after = after
        with pytest.raises(KeyboardInterrupt):
            tried(tmp_path / "s", parts)
    runs.interrupted_after = math.inf
    assert tried(tmp_path / "s", parts) == undisturbed
    assert len(runs.made) == 48
    before = runs.begun
    assert tried(tmp_path / "s", parts) == undisturbed
    assert (len(runs.made), runs.begun) == (48, before)  # nothing is left to make


def test_more_trials_go_on_in_the_same_folder(
    runs: Runs, parts: dict[str, Any], tmp_path: Path
) -> None:
    fewer = tried(tmp_path / "s", parts, search=11)
    assert len(runs.made) == 22
    assert tried(tmp_path / "s", parts)[:11] == fewer
    assert len(runs.made) == 48


def test_a_metric_that_no_run_has_can_be_put_right(
    runs: Runs, parts: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ParameterError, match="the runs have no metric 'farr' to search by"):
        tried(tmp_path / "s", parts, search=2, minimise="farr")
    begun = len(runs.made)
    assert len(tried(tmp_path / "s", parts, search=2)) == 2
    assert len(runs.made) == begun, "runs that were done are made again"


def test_another_search_does_not_share_the_folder(
    runs: Runs, parts: dict[str, Any], tmp_path: Path
) -> None:
    tried(tmp_path / "s", parts, search=2)
    for other in ({"together": 3}, {"seeds": 2}, {"sample_seed": 1}):
        with pytest.raises(SweepFolderError, match="belongs to another sweep"):
            tried(tmp_path / "s", parts, **other)
    assert len(runs.made) == 4


def test_failures_and_values_that_are_not_finite_count_as_the_worst(
    runs: Runs, parts: dict[str, Any], tmp_path: Path
) -> None:
    runs.failing = {0}  # of the second trial: runs are made last to first
    tallies: list[Tally] = []
    design = SearchDesign.checked({**parts, "search": 3})
    result = search(design, tmp_path / "s", timeout=7, on_event=tallies.append)
    assert [trial.valid for trial in result] == [True, False, True]
    assert [status.state for _, status in result[1].runs].count("failed") == 1
    assert (tallies[0], tallies[-1]) == (Tally(6, 0, 0), Tally(6, 5, 1))
    assert [t.left for t in tallies] == sorted((t.left for t in tallies), reverse=True)
    result = search(design, tmp_path / "s", timeout=7, retry=True)
    assert all(trial.valid for trial in result)
    assert all(math.isinf(m) for _, m in tried(tmp_path / "odd", parts, minimise="odd"))


def test_trials_that_diverge_are_the_worst_and_are_not_repeated(
    runs: Runs, parts: dict[str, Any], tmp_path: Path
) -> None:
    runs.diverging = {0}
    tallies: list[Tally] = []
    design = SearchDesign.checked({**parts, "search": 2})
    result = search(design, tmp_path / "s", timeout=7, on_event=tallies.append)
    assert [trial.valid for trial in result] == [True, False]
    assert tallies[-1] == Tally(4, 3, 0, 1)
    assert search(design, tmp_path / "s", timeout=7, retry=True) == result
    assert len(runs.made) == 4


def test_runs_without_a_result_have_no_metric(
    runs: Runs, parts: dict[str, Any], tmp_path: Path
) -> None:
    runs.without_result = True
    with pytest.raises(ParameterError, match="no metric 'far' to search by; their metrics: none"):
        tried(tmp_path / "s", parts)


def test_an_unknown_metric_is_said_after_the_first_trials(
    runs: Runs, parts: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(
        ParameterError, match="no metric 'fra' to search by; their metrics: far, near, steep, odd"
    ):
        tried(tmp_path / "s", parts, minimise="fra")
    assert len(runs.made) == 4


def test_whole_numbers_are_whole(runs: Runs, parts: dict[str, Any], tmp_path: Path) -> None:
    ranges = {"alpha": {"low": 1, "high": 3, "whole": True}}
    notebook = Path(parts["notebook"])
    notebook.write_text(notebook.read_text().replace("alpha: float = 0.1", "alpha: int = 1"))
    result = tried(tmp_path / "s", parts, random=ranges, search=6)
    assert {type(alpha) for alpha, _ in result} == {int}
    assert {alpha for alpha, _ in result} <= {1, 2, 3}
    # a repeated choice has its runs already
    assert len(runs.made) == 2 * len({alpha for alpha, _ in result})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"random": {}}, "there is nothing to search: give random ranges"),
        ({"search": 0}, "search = 0: Input should be greater than or equal to 1"),
        ({"grid": {"alpha": [1]}}, "grid: a search has no such entry; it has notebook,"),
        ({"parameters": {"alpha": 1.0}}, "alpha is given in parameters and random"),
        ({"prune": "median", "maximise": "odd"}, "prune is for one metric: leave it out"),
        ({"seeds": []}, r"seeds = \(\): there must be at least one"),
    ],
)
def test_what_is_no_search(parts: dict[str, Any], change: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        SearchDesign.checked({**parts, **change})
    with pytest.raises(ParameterError, match="minimise is missing"):
        SearchDesign.checked({n: v for n, v in parts.items() if n != "minimise"})


def test_what_is_maximised_mirrors_what_is_minimised(
    runs: Runs, parts: dict[str, Any], tmp_path: Path
) -> None:
    lowest = tried(tmp_path / "low", parts, search=14)
    highest = tried(tmp_path / "high", parts, search=14, minimise=[], maximise="near")
    assert highest == [(alpha, -metric) for alpha, metric in lowest]
    assert all(m == -math.inf for _, m in tried(tmp_path / "o", {
        **parts, "minimise": [], "maximise": "odd", "search": 2}))  # fmt: skip
    assert len(runs.made) == 28 + 28 + 4


def test_of_several_metrics_the_trials_that_none_beats(
    runs: Runs, parts: dict[str, Any], tmp_path: Path
) -> None:
    runs.diverging = {3}
    design = SearchDesign.checked(
        {**parts, "minimise": ["far", "steep"], "maximise": ["near"], "seeds": [0], "search": 16}
    )
    trials = search(design, tmp_path / "s", timeout=7)
    best = best_trials(design, trials)
    # to the right of the best α everything is worse in both
    left = [trial for trial in trials if trial.valid and trial.values["alpha"] <= BEST]
    right = [t for t in trials if t.valid and t.values["alpha"] > BEST]
    assert all(trial in best for trial in left)
    for trial in right:
        beaten = any(
            other.metrics["far"] <= trial.metrics["far"]
            and other.metrics["steep"] <= trial.metrics["steep"]
            for other in trials
            if other is not trial
        )
        assert (trial in best) is not beaten
    assert sum(not trial.valid for trial in trials) == 1
    assert len(runs.made) == 16


def test_choices_and_what_varies_with_one_of_them(
    runs: Runs, parts: dict[str, Any], tmp_path: Path
) -> None:
    ranges = {
        "kind": {"values": ["good", "other"]},
        "alpha": {"low": 0.001, "high": 0.1, "when": {"kind": ["other"]}},
        "others": {"values": [0, 7], "when": {"kind": ["good"]}},
    }
    design = SearchDesign.checked({**parts, "random": ranges, "search": 14})
    trials = search(design, tmp_path / "s", timeout=7)
    kinds = {trial.values["kind"] for trial in trials}
    assert kinds == {"good", "other"}
    for trial in trials:
        assert trial.values.get("others", 0) in (0, 7)
        assert ("alpha" in trial.values) is (trial.values["kind"] == "other")
        for plan, _ in trial.runs:
            assert plan.parameters["kind"] == trial.values["kind"]
            assert plan.parameters["alpha"] == trial.values.get("alpha", 0.1)
    assert {len(trial.runs) for trial in trials} == {2}
    assert runs.begun == 1


def test_optuna_reads_the_study(runs: Runs, parts: dict[str, Any], tmp_path: Path) -> None:
    import optuna  # noqa: PLC0415
    from optuna.storages.journal import JournalFileBackend  # noqa: PLC0415

    for number in (2, 4):
        result = tried(tmp_path / "mine", parts, search=number)
        backend = JournalFileBackend(str(tmp_path / "mine" / "study.log"))
        study = optuna.load_study(
            study_name="mine", storage=optuna.storages.JournalStorage(backend)
        )
        assert study.user_attrs == {"metrics": ["far"]}
        assert [(t.params["alpha"], t.value) for t in study.trials] == result
        assert study.best_value == min(metric for _, metric in result)
    assert len(runs.made) == 8


class Trainings(Runs):
    """Runs with curves, each watched at all of its 20 points; a trial's runs one after another."""

    def run_plans(  # type: ignore[override]  # it names what the other leaves out
        self,
        client: str,
        folder: SweepFolder,
        plans: Sequence[Plan],
        timeout: float | None,
        *,
        on_progress: OnProgress = lambda _: None,
        skip: Callable[[Plan], bool] = lambda _: False,
        **_: object,
    ) -> Iterator[tuple[Plan, Status]]:
        assert (client, timeout) == ("client", 7)

        def train(plan: Plan, path: Path) -> Status:
            own, result = RunFolder(path), self.run(plan, path)
            loss = math.log(plan.parameters["alpha"] / BEST) ** 2
            curve: list[tuple[int, float | None, float | None]] = []
            for point in range(1, 21):
                curve.append((5 * point, 9.0, loss + 10 / point))
                progress = RunProgress("training", 5 * point, 100, list(curve))
                progress.write(own.progress_file)
                on_progress([(plan, progress)])
                if own.given_up:
                    result = replace(result, state="pruned", meta_step=5 * point)
                    content = {n: getattr(result, n) for n in result.__slots__}
                    own.write(STATUS, json.dumps(content))
                    break
            return result

        for plan in plans:
            if not skip(plan):
                yield plan, folder.execute(plan, train)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Trainings:
    fakes = Trainings()
    fakes.install(searching, monkeypatch)
    return fakes


@pytest.mark.parametrize("prune", ["median", "halving", "hyperband"])
def test_trials_that_are_worse_than_others_are_given_up(
    trainings: Trainings, parts: dict[str, Any], tmp_path: Path, prune: str
) -> None:
    design = SearchDesign.checked({**parts, "prune": prune, "search": 16})
    tallies: list[Tally] = []
    trials = search(design, tmp_path / "s", timeout=7, on_event=tallies.append)
    pruned = [trial for trial in trials if trial.pruned]
    assert pruned
    assert not any(trial.valid for trial in pruned)
    whole = [trial for trial in trials if not trial.pruned]
    assert all(trial.valid and len(trial.runs) == 2 for trial in whole)
    assert min(abs(math.log(t.values["alpha"] / BEST)) for t in pruned) > min(
        abs(math.log(t.values["alpha"] / BEST)) for t in whole
    )
    # the second seed of a trial that the first has decided is not executed
    assert any(len(trial.runs) == 1 for trial in pruned)
    assert len(trainings.made) == sum(len(trial.runs) for trial in trials)
    assert tallies[-1].left == 0
    assert tallies[-1].pruned == len(pruned)
    # what was decided stays so
    assert search(design, tmp_path / "s", timeout=7) == trials
    assert len(trainings.made) == sum(len(trial.runs) for trial in trials)
    assert read_runs(tmp_path / "s").left_out == {"pruned": len(pruned)}


def test_a_pruned_search_that_was_interrupted_goes_on_as_it_would_have(
    trainings: Trainings, parts: dict[str, Any], tmp_path: Path
) -> None:
    undisturbed = tried(tmp_path / "other", parts, prune="halving", search=16)
    trainings.made.clear()
    for after in (3, 13):
        trainings.interrupted_after = after
        with pytest.raises(KeyboardInterrupt):
            tried(tmp_path / "s", parts, prune="halving", search=16)
    trainings.interrupted_after = math.inf
    assert tried(tmp_path / "s", parts, prune="halving", search=16) == undisturbed


def test_without_optuna(
    monkeypatch: pytest.MonkeyPatch, parts: dict[str, Any], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ParameterError, match=r"needs Optuna .*pip install 'maml-lab\[search\]'"):
        tried(tmp_path / "s", parts)
    assert not (tmp_path / "s").exists()
