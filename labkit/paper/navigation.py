"""The paper's table for 2D navigation: train, test and judge mean returns over gradient steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np

from labkit.core import MAML, TRPO, Algorithm, JointTraining, RandomInitialization
from labkit.experiments import Mean, Result, mean_interval, provenance, text_table
from labkit.paper.settings import NavigationSettings
from labkit.paper.training import TrainedRun, train_run, training_blocks
from labkit.paper.verdicts import verdict
from labkit.session import adaptation_columns
from labkit.tasks import Navigation, best_returns, gaussian_policy
from labkit.training import MetaLearner

HELD_OUT_GOALS = 40

MOST_STEPS = 3

PUBLISHED: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "maml": (-40.41, -11.68, -3.33, -3.23),
        "pretrained": (-40.81, -19.73, -11.72, -8.47),
        "random": (-82.66, -57.96, -53.84, -46.81),
        "oracle": (-2.29,) * 4,
    }
)
"""Method → mean return after 0 … 3 gradient steps (arXiv:1703.03400, Appendix, 2D navigation)."""

HALF_DIGIT = 0.005


def train_navigation_run(settings: NavigationSettings) -> TrainedRun[NavigationSettings]:
    """Train a policy for the paper's 2D navigation.

    "maml" is `MAML`; "pretrained" is `JointTraining`, one policy for all goals; "random" is not
    trained; "oracle" is "pretrained" with the goal in its observation. The meta-optimiser is Adam
    or, as in the paper, TRPO; the inner objective is LVC.

    Raises:
        DivergedError: A loss or θ is no longer finite.

    Example:
        >>> few = NavigationSettings(meta_steps=1, meta_batch=2, shots=2, horizon=5)
        >>> train_navigation_run(few).learner.meta_step
        1
    """
    oracle = settings.method == "oracle"
    family = Navigation(
        shots=settings.shots,
        queries=settings.shots,
        horizon=settings.horizon,
        reward=settings.reward,
        oracle=oracle,
        objective="lvc",
    )
    learner = MetaLearner(
        partial(gaussian_policy, observations=4) if oracle else gaussian_policy,
        family,
        _algorithm(settings),
        beta=settings.beta,
        meta_optimizer=TRPO() if settings.meta_optimizer == "trpo" else settings.meta_optimizer,
        meta_batch=settings.meta_batch,
        seed=settings.seed,
    )
    return train_run(settings, learner)


def measure_navigation_run(
    run: TrainedRun[NavigationSettings], goals: int = HELD_OUT_GOALS
) -> Result:
    """Test a run on goals that training never sees: the return after 0 … 3 gradient steps.

    The first step has α, later ones half of it, as in the paper; the oracle takes none.

    Args:
        run: From `train_navigation_run`.
        goals: How many, ≥ 1.

    Returns:
        `Result`; metrics are `return_0` … `return_3`, `ci95_0` … over the goals, and `best`, which
        no policy exceeds on these goals.

    Example:
        >>> few = NavigationSettings(meta_steps=1, meta_batch=2, shots=2, horizon=5)
        >>> sorted(measure_navigation_run(train_navigation_run(few), goals=3).metrics)[:2]
        ['best', 'ci95_0']
    """
    learner = run.learner
    alpha = 0.0 if run.settings.method == "oracle" else None
    batch = learner.held_out(goals)
    curve = learner.curve_on(batch, MOST_STEPS, alpha=alpha)
    assert isinstance(learner.tasks, Navigation)  # noqa: S101  # for the type checker
    metrics = {"best": float(best_returns(learner.tasks, batch.info["goal"]).mean())}
    for step in range(MOST_STEPS + 1):
        metrics[f"return_{step}"] = -float(curve.mean[step])
        metrics[f"ci95_{step}"] = float(curve.ci95[step])
    return Result(
        parameters=run.settings.model_dump(),
        metrics=metrics,
        curves={
            "adaptation": adaptation_columns(curve),
            "training": training_blocks(run.history),
        },
        events=[],
        provenance={**provenance(), "seed": run.settings.seed, "seconds": run.seconds},
    )


@dataclass(frozen=True, slots=True)
class NavigationRow:
    """One number of the table.

    Attributes:
        method: As in `NavigationSettings`.
        steps: Gradient steps on each goal.
        paper: The paper's mean return.
        by_seed: Mean return of each seed over its goals.
        goals_ci95: Half width of the 95 % interval of one seed's mean over its goals, averaged.
        best: Return that no policy exceeds on these goals, averaged over seeds.
    """

    method: str
    steps: int
    paper: float
    by_seed: tuple[float, ...]
    goals_ci95: float
    best: float

    @property
    def mean(self) -> Mean:
        """Over the seeds, with the interval of that mean."""
        return mean_interval(self.by_seed)

    @property
    def verdict(self) -> str:
        """Of the paper's number, see `labkit.paper.verdicts.verdict`.

        Example:
            >>> NavigationRow("maml", 1, -11.68, (-11.0, -12.0, -11.5), 1.0, -0.7).verdict
            'reproduced'
        """
        losses = [-value for value in self.by_seed]
        return verdict(losses, self.goals_ci95, -self.paper, HALF_DIGIT)


def navigation_rows(results: Sequence[Result]) -> tuple[NavigationRow, ...]:
    """Compare runs of several seeds with the paper's mean returns.

    Args:
        results: From `measure_navigation_run`; equal in all but method and seed.

    Raises:
        ValueError: There are none, or they differ in another parameter, or a method has a seed
            twice.
    """
    if not results:
        raise ValueError("there is no result: give those of measure_navigation_run")
    same = {
        tuple((k, v) for k, v in sorted(each.parameters.items()) if k not in {"method", "seed"})
        for each in results
    }
    runs = [(each.parameters["method"], each.parameters["seed"]) for each in results]
    if len(same) > 1 or len(set(runs)) < len(runs):
        raise ValueError(
            "the results must differ in method and seed alone, each pair once, got "
            f"{sorted(runs)} with {len(same)} choices of the other parameters"
        )
    rows = []
    for method, published in PUBLISHED.items():
        of = [each for each in results if each.parameters["method"] == method]
        of.sort(key=lambda each: int(each.parameters["seed"]))
        for steps, paper in enumerate(published if of else ()):
            values = tuple(float(each.metrics[f"return_{steps}"]) for each in of)
            ci95, best = (
                float(np.mean([each.metrics[name] for each in of]))
                for name in (f"ci95_{steps}", "best")
            )
            rows.append(NavigationRow(method, steps, paper, values, ci95, best))
    return tuple(rows)


def navigation_table(results: Sequence[Result]) -> str:
    """The rows as text: mean returns with 95 % intervals over seeds and over goals.

    Args:
        results: As for `navigation_rows`.

    Raises:
        ValueError: As for `navigation_rows`.
    """
    heads = ["method", "steps", "return", "± seeds", "± goals", "at most", "paper", "verdict"]
    rows = [
        (
            row.method,
            f"{row.steps}",
            f"{row.mean.mean:.2f}",
            f"{row.mean.ci95:.2f}",
            f"{row.goals_ci95:.2f}",
            f"{row.best:.2f}",
            f"{row.paper:.2f}",
            row.verdict,
        )
        for row in navigation_rows(results)
    ]
    return text_table(heads, rows, {"method", "verdict"})


def _algorithm(settings: NavigationSettings) -> Algorithm:
    if settings.method == "maml":
        return MAML(alpha=settings.alpha, inner_steps=settings.inner_steps)
    if settings.method == "random":
        return RandomInitialization(alpha=settings.alpha)
    return JointTraining(alpha=settings.alpha, inner_steps=0 if settings.method == "oracle" else 1)
