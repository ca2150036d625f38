"""The whole meta-step as one function that JAX compiles."""

from functools import partial
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.peers.work import (
    AMPLITUDE,
    NORM_EPSILON,
    PHASE,
    POINTS,
    WAYS,
    X_RANGE,
    Arrays,
    Gradient,
    Points,
    Work,
    images,
)

DECAY, SQUARE_DECAY, EPSILON = 0.9, 0.999, 1e-8
"""Of Adam, torch's."""


@final
class JaxJit:
    """Drawing, inner loop, meta-gradient and Adam in one call; learners and tasks by `vmap`.

    Args:
        work: What to do.
        theta: θ, the same for each learner.
    """

    def __init__(self, work: Work, theta: Arrays) -> None:
        self._work, self._theta = work, theta
        learners = len(work.alphas)

        def single(value: Any) -> Any:
            return jnp.tile(jnp.asarray(value, jnp.float32), (learners, *[1] * value.ndim))

        params = {name: single(value) for name, value in theta.items()}
        zeros = jax.tree.map(jnp.zeros_like, params)
        keys = jax.random.split(jax.random.key(0), learners)
        self._state = (params, zeros, jax.tree.map(jnp.copy, zeros), keys)
        self._alphas = jnp.asarray(work.alphas, jnp.float32)
        self._taken = 0
        self._pool = jnp.asarray(images()) if work.network == "conv4" else None
        step = jax.vmap(self._step, in_axes=(0, 0, None, None))
        self._compiled = jax.jit(step, donate_argnums=0)

    def train(self, meta_steps: int) -> None:
        """Take meta-steps on tasks of its own; waits once, at the end."""
        loss = None
        for _ in range(meta_steps):
            self._taken += 1
            self._state, loss = self._compiled(
                self._state, self._alphas, float(self._taken), self._pool
            )
        jax.block_until_ready((self._state, loss))  # type: ignore[no-untyped-call,unused-ignore]

    def meta_gradient(self, support: Points, query: Points) -> Gradient:
        """At the first θ, in float64."""
        with jax.enable_x64(True):
            theta, tasks = jax.tree.map(jnp.asarray, (self._theta, (support, query)))
            alphas = jnp.asarray(self._work.alphas, jnp.float64)
            each = jax.vmap(jax.value_and_grad(self._mean_loss), in_axes=(None, 0, None))
            loss, slopes = jax.jit(each)(theta, alphas, tasks)
            return Gradient(np.asarray(loss), {n: np.asarray(g) for n, g in slopes.items()})

    def _step(self, state: Any, alpha: Any, steps: Any, pool: Any) -> Any:
        params, mean, square, key = state
        key, own = jax.random.split(key)
        tasks = self._waves(own) if pool is None else self._images(own, pool)
        loss, slopes = jax.value_and_grad(self._mean_loss)(params, alpha, tasks)
        mean = jax.tree.map(lambda m, g: DECAY * m + (1 - DECAY) * g, mean, slopes)
        square = jax.tree.map(
            lambda v, g: SQUARE_DECAY * v + (1 - SQUARE_DECAY) * g * g, square, slopes
        )
        rate = self._work.beta / (1 - DECAY**steps)
        root = jnp.sqrt(1 - SQUARE_DECAY**steps)

        def move(p: Any, m: Any, v: Any) -> Any:
            return p - rate * m / (jnp.sqrt(v) / root + EPSILON)

        return (jax.tree.map(move, params, mean, square), mean, square, key), loss

    def _mean_loss(self, params: Any, alpha: Any, tasks: Any) -> Any:
        return jax.vmap(partial(self._task_loss, params, alpha))(tasks).mean()

    def _task_loss(self, params: Any, alpha: Any, task: Any) -> Any:
        support, query = task
        for _ in range(self._work.inner_steps):
            slopes = jax.grad(self._loss)(params, *support)
            if self._work.order == 1:
                slopes = lax.stop_gradient(slopes)
            params = jax.tree.map(lambda p, g: p - alpha * g, params, slopes)
        return self._loss(params, *query)

    def _loss(self, params: Any, x: Any, y: Any) -> Any:
        if self._work.network == "mlp":
            return ((_mlp(params, x) - y) ** 2).mean()
        chances = jax.nn.log_softmax(_conv4(params, x))
        return -jnp.take_along_axis(chances, y[:, None], axis=1).mean()

    def _waves(self, key: Any) -> Any:
        tasks, keys = self._work.meta_batch, jax.random.split(key, 3)

        def uniform(key: Any, ends: tuple[float, float], points: int) -> Any:
            return jax.random.uniform(key, (tasks, points, 1), minval=ends[0], maxval=ends[1])

        amplitude, phase = uniform(keys[0], AMPLITUDE, 1), uniform(keys[1], PHASE, 1)
        x = uniform(keys[2], X_RANGE, 2 * POINTS)
        y = amplitude * jnp.sin(x - phase)
        return (x[:, :POINTS], y[:, :POINTS]), (x[:, POINTS:], y[:, POINTS:])

    def _images(self, key: Any, pool: Any) -> Any:
        tasks, keys = self._work.meta_batch, jax.random.split(key)
        _, classes = lax.top_k(jax.random.uniform(keys[0], (tasks, len(pool))), WAYS)
        _, chosen = lax.top_k(jax.random.uniform(keys[1], (tasks, WAYS, pool.shape[1])), 2)
        labels = jnp.tile(jnp.arange(WAYS), (tasks, 1))
        return (pool[classes, chosen[..., 0]], labels), (pool[classes, chosen[..., 1]], labels)


def _mlp(params: Any, x: Any) -> Any:
    x = jax.nn.relu(x @ params["0.weight"].T + params["0.bias"])
    x = jax.nn.relu(x @ params["2.weight"].T + params["2.bias"])
    return x @ params["4.weight"].T + params["4.bias"]


def _conv4(params: Any, x: Any) -> Any:
    x = x.transpose(0, 2, 3, 1)  # XLA's convolutions on a CPU are faster with channels last
    for number in (1, 2, 3, 4):
        weight = params[f"conv{number}.weight"].transpose(2, 3, 1, 0)
        x = lax.conv_general_dilated(
            x, weight, (2, 2), [(1, 1), (1, 1)], dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        centred = x - x.mean((0, 1, 2))
        x = centred * lax.rsqrt((centred**2).mean((0, 1, 2)) + NORM_EPSILON)
        x = jax.nn.relu(x + params[f"norm{number}.bias"])
    return x.mean((1, 2)) @ params["head.weight"].T + params["head.bias"]
