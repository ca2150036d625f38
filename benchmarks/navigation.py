"""Meta-steps on 2D navigation, against a loop over the episodes of a gymnasium environment.

The loop is plain and independent: one environment, one action after another by the same policy, and
per task the inner step, its second derivative and Adam by autograd; the advantages are those of the
library. Both take a meta-step of the paper's size: 20 goals, 20 trajectories of 100 steps to adapt
on and 20 to be judged on, K = 1. First both must find the same meta-gradient on the same noise.
Processor time on one thread; a minute; prints a Markdown table: python -m benchmarks.navigation
"""

import sys
import time
from statistics import median

import gymnasium
import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from labkit import MAML, MetaLearner, Navigation, gaussian_policy
from labkit.core.policy_gradients import (
    LinearBaseline,
    Steps,
    discounted_sums,
    generalised_advantages,
    standardised,
)
from labkit.tasks.navigation.environment import ID

GOALS, ROUNDS, WARM_UP, TIMED = 20, 3, 33, 3
ALPHA, BETA, NO_STEP, DISCOUNT = 0.1, 0.01, 1e-12, 0.99

Weights = dict[str, Tensor]


class Loop:
    """MAML by one episode after another.

    Args:
        learner: Whose policy and tasks it takes.
    """

    def __init__(self, learner: MetaLearner) -> None:
        self._model = gaussian_policy(torch.Generator())  # its own weights are not used
        self._actor = gaussian_policy(torch.Generator())
        self._env = gymnasium.make(ID)
        self.steps = 0
        """Of all episodes so far."""
        self._params = {n: p.detach().clone().requires_grad_() for n, p in learner.params.items()}
        self._adam = torch.optim.Adam(self._params.values(), BETA)

    def episode(self, noise: Tensor, goal: Tensor) -> tuple[Steps, Tensor]:
        """One episode as `Steps` and its actions; what comes after its end is 0."""
        seen, _ = self._env.reset(options={"goal": goal.tolist()})
        horizon = len(noise)
        observations, actions = torch.zeros(horizon, 2), torch.zeros(horizon, 2)
        rewards, alive = torch.zeros(horizon), torch.zeros(horizon)
        for t in range(horizon):
            observations[t], alive[t] = torch.from_numpy(seen), 1.0
            with torch.no_grad():
                mean, log_std = self._actor(observations[t])
                actions[t] = mean + log_std.exp() * noise[t]
            move = np.clip(actions[t].numpy(), -1, 1)
            self.steps += 1
            seen, paid, terminated, truncated, _ = self._env.step(move)
            rewards[t] = float(paid)
            if terminated or truncated:
                break
        return Steps(observations, rewards, alive), actions

    def loss(self, params: Weights, noise: Tensor, goal: Tensor) -> Tensor:
        """Minus the LVC objective of some episodes, on which it acts first."""
        self._actor.load_state_dict({name: p.detach() for name, p in params.items()})
        episodes = [self.episode(each, goal) for each in noise]
        steps = Steps(*map(torch.stack, zip(*(e[0] for e in episodes), strict=True)))
        actions = torch.stack([e[1] for e in episodes])
        targets = discounted_sums(steps.rewards, DISCOUNT)
        values = LinearBaseline().fit(steps, targets)
        advantages = generalised_advantages(steps, values, DISCOUNT, 1.0)
        advantages = standardised(advantages, steps.alive)
        mean, log_std = functional_call(self._model, params, (steps.observations,))
        scaled = (actions - mean) / log_std.exp()
        log_probs = -(scaled**2 / 2 + log_std).sum(-1)  # up to a constant
        ratios = (log_probs - log_probs.detach()).exp()
        loss: Tensor = -(ratios * advantages * steps.alive).sum() / steps.alive.sum()
        return loss

    def gradient(self, support: Tensor, query: Tensor, goals: Tensor) -> Weights:
        """The mean meta-gradient, left in θ's `grad`.

        Args:
            support: Noise, (tasks, episodes, steps, 2).
            query: Noise, (tasks, episodes, steps, 2).
            goals: (tasks, 2).
        """
        self._adam.zero_grad()
        for first, second, goal in zip(support, query, goals, strict=True):
            inner = self.loss(self._params, first, goal)
            slopes = torch.autograd.grad(inner, list(self._params.values()), create_graph=True)
            adapted = {
                name: p - ALPHA * slope
                for (name, p), slope in zip(self._params.items(), slopes, strict=True)
            }
            outer = self.loss(adapted, second, goal)
            (outer / len(goals)).backward()  # type: ignore[no-untyped-call]
        return {name: p.grad for name, p in self._params.items() if p.grad is not None}

    def step(self, family: Navigation, tasks: int, generator: torch.Generator) -> None:
        """A meta-step of so many goals."""
        shape = (tasks, family.shots, family.horizon, 2)
        support, query = torch.randn(2, *shape, generator=generator)
        self.gradient(support, query, torch.rand(tasks, 2, generator=generator) - 0.5)
        self._adam.step()


def learner_of(beta: float, tasks: int = GOALS, **options: int) -> MetaLearner:
    """A learner of the paper's settings, by Adam."""
    family = Navigation(objective="lvc", **options)  # type: ignore[arg-type]
    return MetaLearner(gaussian_policy, family, MAML(alpha=ALPHA), beta=beta, meta_batch=tasks)


def largest_difference() -> float:
    """Between the two meta-gradients at the same θ on the same noise, relative to the largest."""
    learner = learner_of(BETA, 3, shots=4, queries=4, horizon=20)
    learner.train(1)  # a bias of 0 has a kink where episodes begin
    batch = learner.held_out(3)
    expected = learner.meta_gradient(batch).params
    support, query = (
        part.with_noise(1).noise[:, 0].float() for part in (batch.support, batch.query)
    )
    result = Loop(learner).gradient(support, query, batch.info["goal"].float())
    largest = max(float(g.abs().max()) for g in expected.values())
    return max(float((result[n] - g).abs().max()) for n, g in expected.items()) / largest


def seconds(step: object, times: int) -> float:
    """Processor time of one call, mean over some."""
    assert callable(step)  # noqa: S101
    start = time.process_time()
    for _ in range(times):
        step()
    return (time.process_time() - start) / times


def row(name: str, learner: MetaLearner) -> str:
    """A row of the table: both in turns at this θ."""
    loop, generator = Loop(learner), torch.Generator().manual_seed(0)
    family = learner.tasks
    assert isinstance(family, Navigation)  # noqa: S101
    rounds = [
        (
            # tasks go one by one, so a fifth of them takes a fifth of the time
            5 * seconds(lambda: loop.step(family, GOALS // 5, generator), 1),
            seconds(learner.step, TIMED),
        )
        for _ in range(ROUNDS)
    ]
    slow, fast = (median(column) for column in zip(*rounds, strict=True))
    ratio = median(one / two for one, two in rounds)
    length = loop.steps / (ROUNDS * GOALS // 5 * (family.shots + family.queries))
    return f"| {name} | {length:.0f} | {slow:.2f} | {fast:.3f} | {ratio:.0f} |"


def main() -> None:
    """Compare the gradients, then measure in turns."""
    torch.set_num_threads(1)
    apart = largest_difference()
    if not apart < 1e-3:
        raise SystemExit(f"the loop has another meta-gradient: they differ by {apart:.2g}")
    lines = [
        "| θ | steps of an episode | loop, s | labkit, s | ratio |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, beta in (("untrained", NO_STEP), (f"after {WARM_UP} meta-steps", BETA)):
        learner = learner_of(beta)
        learner.train(WARM_UP)  # and the engine has recorded a meta-step
        lines.append(row(name, learner))
    sys.stdout.write("\n".join(lines) + f"\n\nThe meta-gradients differ by {apart:.1g}.\n")


if __name__ == "__main__":
    main()
