"""What each of two processes does: trains on its share of the tasks, and saves θ."""

import sys
from collections.abc import Callable
from pathlib import Path

import torch

from labkit import MAML, LearnedAlpha, MetaLearner
from tests.training.point_tasks import Lines, made


def learner(reduction: str, **options: int) -> MetaLearner:
    def module() -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))

    algorithm = MAML(LearnedAlpha(0.05, granularity="tensor"), inner_steps=2)
    kind = {"reduction": reduction, "meta_batch": 6, "beta": 0.01, **options}
    return MetaLearner(made(module), Lines(), algorithm, **kind)  # type: ignore[arg-type]


def threads_of_the_group() -> list[str]:
    """Names of this process's threads that send and receive, as Linux tells them."""
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    return [name for name in names if "gloo" in name]


def refusal(change: Callable[[MetaLearner, int], object], rank: int) -> str:
    """What a learner says that was changed in one of the processes."""
    one = learner("mean", across_ranks=True)
    one.train(2)
    change(one, rank)
    try:
        one.train(2)
    except ValueError as error:
        return str(error)
    return ""


def other_beta(learner: MetaLearner, rank: int) -> None:
    learner.beta = 0.01 * (1 + rank)


def other_params(learner: MetaLearner, rank: int) -> None:
    learner.params = {name: p + 1e-9 * rank for name, p in learner.params.items()}


def other_algorithm(learner: MetaLearner, rank: int) -> None:
    learner.algorithm = MAML(LearnedAlpha(0.05, granularity="tensor"), inner_steps=2 + rank)


CHANGES = {"beta": other_beta, "θ": other_params, "algorithm": other_algorithm}


def main(folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    rank = torch.distributed.get_rank()
    for reduction in ("mean", "sum"):
        trained = learner(reduction, across_ranks=True)
        losses = [step.loss_after for step in trained.train(120)]  # recorded at the end
        result = {"params": trained.params, "alpha": trained.alpha, "losses": losses}
        torch.save(result, f"{folder}/{reduction}{rank}.pt")
    refusals = {name: refusal(change, rank) for name, change in CHANGES.items()}
    try:
        learner("mean", across_ranks=True, seed=rank).train(1)
    except ValueError as error:
        refusals["seed"] = str(error)
    torch.save(refusals, f"{folder}/refusals{rank}.pt")
    torch.distributed.destroy_process_group()
    torch.save(threads_of_the_group(), f"{folder}/threads{rank}.pt")


if __name__ == "__main__":
    main(sys.argv[1])
