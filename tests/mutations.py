"""Break the mathematics in a copy, one place at a time: each break must fail a test.

Run as `python -m tests.mutations`; it takes some minutes. Arguments choose files by a part of
their path: `python -m tests.mutations tasks/ step/measure`. `tests/test_mutations.py` checks that
every break still fits the source.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("labkit", "tests", "pyproject.toml")


@dataclass(frozen=True)
class Mutation:
    """One break: a text that occurs once in a file of `labkit`, and what replaces it."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...] = ("tests/core/test_proof.py",)

    def apply(self, root: Path) -> None:
        """Write the broken file.

        Raises:
            ValueError: The text is not in the file exactly once.
        """
        path = root / "labkit" / self.file
        source = path.read_text()
        if source.count(self.old) != 1:
            raise ValueError(
                f"{self.name}: the text occurs {source.count(self.old)} times in {path}"
            )
        path.write_text(source.replace(self.old, self.new))


DIFFERENCES = ("tests/core/test_finite_differences.py",)
POLICIES = ("tests/core/test_policy_gradients.py",)
NAVIGATION = ("tests/tasks/test_navigation.py",)
SEARCH = ("tests/training/test_policy_search.py",)
BOUNDS = ("tests/paper/test_navigation_table.py",)
ON_POLICY = ("tests/core/test_on_policy.py",)
LAB = ("tests/widgets/test_lab.py",)
PROBLEMS = ("tests/widgets/test_lab_problems.py",)
TRAITS = ("tests/widgets/test_lab_traits.py",)
OPTIMIZERS = ("tests/training/test_meta_optimizers.py",)
LEARNED = ("tests/training/test_learned_alpha.py",)
UPDATES = ("tests/training/test_updates.py",)
PLANES = ("tests/core/test_planes.py",)
LANDSCAPE = ("tests/session/test_landscape.py",)
CHECKPOINTS = ("tests/training/test_checkpoints.py",)
MONITOR = ("tests/session/test_gradient_monitor.py",)
TRACE = ("tests/core/test_trace.py",)
META_STEP = ("tests/session/test_meta_step.py",)
DIAGRAM = ("tests/figures/test_meta_step.py",)
ZOO = ("tests/tasks/test_zoo.py",)
MAPS = ("tests/session/test_maps.py",)
MAP_FIGURES = ("tests/figures/test_maps.py",)
AUGMENTED = ("tests/tasks/test_augmentation.py",)
UNEVEN = ("tests/training/test_uneven_tasks.py",)
WATCHED = ("tests/training/test_watching.py",)
ESTIMATION = ("tests/training/test_estimation.py",)
GUIDANCE = ("tests/widgets/test_lab_guidance.py",)
LOSSES = ("tests/figures/test_training.py",)
TRANSPOSED = """part = pull(bar)[1]
            turned = vjp(lambda v, pull=pull: pull((v, carry[1]))[0][0], bar[0])[1](bar[0])[0]
            bar = (turned, bar[1])"""

MUTATIONS = [
    Mutation(
        "every step of the way back by the Hessian at θ",
        "core/probes/trace.py",
        "(bar,) = pulls[step](bar)",
        "(bar,) = pulls[0](bar)",
        TRACE,
    ),
    Mutation(
        "ratio of the cut upside down",
        "core/probes/trace.py",
        "cut_ratio=ratio(length(first), length(exact))",
        "cut_ratio=ratio(length(exact), length(first))",
        TRACE,
    ),
    Mutation(
        "traced directions of order 2, whatever the order",
        "core/probes/trace.py",
        "directions = first if task.loop.order == 1 else exact",
        "directions = exact",
        TRACE,
    ),
    Mutation(
        "support loss traced one step late",
        "core/probes/trace.py",
        "_support_loss(loop, loss_fn, carry[0], support, step)",
        "_support_loss(loop, loss_fn, path[max(step - 1, 0)], support, step)",
        TRACE,
    ),
    Mutation(
        "move of θ without the memory of its optimiser",
        "session/observe/meta_step.py",
        "trainer.restore(snapshot.state)",
        'trainer.restore(replace(snapshot.state, learner={**snapshot.state.learner, "optimizer": '
        '{**snapshot.state.learner["optimizer"], "state": {}}}))',
        META_STEP,
    ),
    Mutation(
        "angle of the move to the meta-gradient itself",
        "session/observe/meta_step.py",
        "else -mean",
        "else mean",
        META_STEP,
    ),
    Mutation(
        "factor of the way back upside down",
        "figures/instruments/meta_step.py",
        "stretch = float(back.norms[task, above] / back.norms[task, below])",
        "stretch = float(back.norms[task, below] / back.norms[task, above])",
        DIAGRAM,
    ),
    Mutation(
        "memory of views counted again",
        "training/engine/peak_memory.py",
        "not in inputs | self.counted",
        "not in set()",
        ("tests/widgets/test_cost_meter.py",),
    ),
    Mutation(
        "time of all steps, also those before the recording",
        "training/step_cost.py",
        "timed = times[RECORDED_AFTER + 2 :] if replayed",
        "timed = times[1:] if replayed",
        ("tests/widgets/test_cost_meter.py",),
    ),
    Mutation(
        "a pace that forgets the time it used",
        "session/observe/pace.py",
        "begun - SAVED_SECONDS) + used",
        "begun - SAVED_SECONDS) + (used - used)",
        MONITOR,
    ),
    Mutation(
        "gradient truth at the session's α only",
        "session/observe/gradients.py",
        "return tree_map(lambda size: size * scale, alpha)",
        "return tree_map(lambda size: size * (scale or 1) ** 0, alpha)",
        MONITOR,
    ),
    Mutation(
        "principal directions about θ, not about the mean of the path",
        "core/probes/planes.py",
        "off = rows - rows.mean(0)",
        "off = rows - rows[-1]",
        PLANES,
    ),
    Mutation(
        "distance from the origin, not from the plane",
        "core/probes/planes.py",
        "return coordinates, length(off - coordinates @ self.basis)",
        "return coordinates, length(off)",
        PLANES,
    ),
    Mutation(
        "the landscape of the loss that adaptation begins with, twice",
        "core/probes/planes.py",
        "checked(loss_at(loss_fn, len(path) - 1))(path[-1], query)",
        "checked(loss_at(loss_fn, len(path) - 1))(path[0], query)",
        LANDSCAPE,
    ),
    Mutation(
        "the direction in which the meta-loss rises",
        "session/observe/landscape.py",
        "name: p - gradients[name].mean(0)",
        "name: p + gradients[name].mean(0)",
        LANDSCAPE,
    ),
    Mutation(
        "shares of the path's length, not of its variance",
        "session/observe/landscape_plane.py",
        "on_plane = coordinates - coordinates.mean(0)",
        "on_plane = coordinates",
        LANDSCAPE,
    ),
    Mutation(
        "no rest between pieces of a landscape",
        "session/observe/landscape_monitor.py",
        "if snapshot.playing and not self.due:",
        "if False and not self.due:",
        LANDSCAPE,
    ),
    Mutation(
        "points of a run that was left",
        "session/observe/gradient_monitor.py",
        "return self.meta_step == snapshot.meta_step or self.live",
        "return True or self.live",
        MONITOR,
    ),
    Mutation(
        "length of exact over that of the others",
        "figures/instruments/gradient_truth.py",
        'directions.mean_norm_ratio(name, "exact")',
        'directions.mean_norm_ratio("exact", name)',
        ("tests/figures/test_gradient_truth.py",),
    ),
    Mutation(
        "curvature of the first inner step only",
        "figures/instruments/gradient_truth.py",
        "values = numbers_of(last.curvature.alpha_largest).T",
        "values = numbers_of(last.curvature.alpha_largest[:, :1]).T",
        ("tests/figures/test_gradient_truth.py",),
    ),
    Mutation(
        "a best cell judged by the seeds that chose it",
        "session/maps/best_cell.py",
        "count = len(new_losses)",
        "new_losses = losses[row, column]; count = len(new_losses)",
        MAPS,
    ),
    Mutation(
        "a best cell that has diverged with a seed",
        "session/maps/best_cell.py",
        "losses.isfinite().all(dim=2)",
        "losses.isfinite().any(dim=2)",
        MAPS,
    ),
    Mutation(
        "all seeds of a cell tested on the tasks of the first",
        "session/maps/hyperparameters.py",
        "cells = [self.grid.cell(row, column, seed)",
        "cells = [self.grid.cell(row, column)",
        MAPS,
    ),
    Mutation(
        "losses of a map after one step, whatever K is",
        "session/maps/hyperparameters.py",
        "losses = self.curves.gather(3, index)[..., 0]",
        "losses = self.curves.gather(3, index * 0 + 1)[..., 0]",
        MAPS,
    ),
    Mutation(
        "step sizes tuned on the tasks that are reported",
        "session/maps/cohort.py",
        "tuned_alphas(tester, self._others,",
        "tuned_alphas(tester, self.batch,",
        MAPS,
    ),
    Mutation(
        "a diverged cell in the colour of the worst",
        "figures/instruments/cells.py",
        "np.where(finite, np.clip(losses, 1e-12, top), np.nan)",
        "np.clip(losses, 1e-12, top)",
        MAP_FIGURES,
    ),
    Mutation(
        "exact weights of a toy without the transpose",
        "tasks/zoo/quadratics.py",
        "power.mT @ self.curvatures @ power,",
        "power @ self.curvatures @ power,",
        ZOO,
    ),
    Mutation(
        "one bound on β for all eigenvalues",
        "tasks/zoo/quadratics.py",
        "values.abs() ** 2).min())",
        "values.abs() ** 2).max())",
        ZOO,
    ),
    Mutation(
        "readings as many as shots, not averaged",
        "tasks/zoo/quadratics.py",
        "self.error**2 / self.shots * spread",
        "self.error**2 * spread",
        ZOO,
    ),
    Mutation(
        "curvature of a cubic at its minimum",
        "tasks/zoo/cubics.py",
        "(1 - alpha * (a + b * at))",
        "(1 - alpha * a)",
        ZOO,
    ),
    Mutation(
        "best α from unlike products",
        "tasks/zoo/quadratics.py",
        'torch.einsum("ti,tij,tj->ij", slope, self.curvatures, slope)',
        'torch.einsum("ti,tij,tj->ij", slope, self.curvatures, slope).diag().diag()',
        ZOO,
    ),
    Mutation(
        "a loop that leaves out the last task",
        "core/vectorize.py",
        "for task in range(len(first))]",
        "for task in [*range(len(first) - 1), 0]]",
    ),
    Mutation(
        "side by side in place of a loop",
        "core/vectorize.py",
        "Outcome(compute(False), vectorized=False",
        "Outcome(compute(True), vectorized=False",
        ("tests/core/test_vectorize.py",),
    ),
    Mutation(
        "sign of the inner step", "core/inner/inner_loop.py", "name: p - (size", "name: p + (size"
    ),
    Mutation(
        "first order without detach",
        "core/inner/inner_loop.py",
        "{name: tensor.detach() for",
        "{name: tensor for",
    ),
    Mutation(
        "always detached",
        "core/inner/inner_loop.py",
        "if self.order == 1:",
        "if self.order in (1, 2):",
    ),
    Mutation(
        "weight decay of the inner loop for a first-order constant",
        "core/inner/inner_loop.py",
        "_constant(gradient), _constant(moving)",
        "_constant(gradient), moving",
        ("tests/core/test_adaptation.py",),
    ),
    Mutation(
        "step sizes of the first step", "core/inner/step_sizes.py", "alpha[step] if", "alpha[0] if"
    ),
    Mutation("transposed M_k", "core/gradients/adjoint.py", "bar, part = pull(bar)", TRANSPOSED),
    Mutation(
        "M_k in the wrong order",
        "core/gradients/adjoint.py",
        "at_inner_step(sizes, step))[1]",
        "at_inner_step(sizes, loop.steps - 1 - step))[1]",
    ),
    Mutation(
        "shared alpha of one step only",
        "core/gradients/adjoint.py",
        "by_step[row] = tree_map(torch.add, by_step[row], part) if row in by_step else part",
        "by_step[row] = part",
    ),
    Mutation(
        "support as query",
        "core/gradients/unrolled.py",
        "(path[step], query)",
        "(path[step], support)",
    ),
    Mutation(
        "support as query, recomputed",
        "core/gradients/adjoint.py",
        "(checked(loss_at(loss_fn, step)))(params, query)",
        "(checked(loss_at(loss_fn, step)))(params, support)",
    ),
    Mutation(
        "one inner step too few",
        "core/inner/inner_loop.py",
        "for step in range(self.steps):",
        "for step in range(max(self.steps - 1, 0)):",
    ),
    Mutation(
        "sum in place of mean",
        "core/gradients/over_tasks.py",
        'if reduction == "mean"',
        'if reduction == "max"',
    ),
    Mutation(
        "chunks that overlap", "core/gradients/over_tasks.py", "tensor[first:end]", "tensor[first:]"
    ),
    Mutation(
        "loss weights one step early",
        "core/gradients/unrolled.py",
        "self.weights, start=1",
        "self.weights, start=0",
    ),
    Mutation(
        "ANIL that adapts everything",
        "core/algorithms/anil.py",
        "self.inner_optimizer, head)",
        "self.inner_optimizer)",
    ),
    Mutation(
        "Reptile backwards",
        "core/algorithms/reptile.py",
        "name: p - end[name]",
        "name: end[name] - p",
    ),
    Mutation(
        "iMAML times lambda", "core/algorithms/imaml.py", "h / self.proximal", "h * self.proximal"
    ),
    Mutation(
        "iMAML without its pull",
        "core/inner/inner_loop.py",
        "if self.proximal:",
        "if self.proximal < 0:",
    ),
    Mutation(
        "conjugate gradients without memory",
        "core/linalg/conjugate_gradient.py",
        "r + ratio * direction[n]",
        "r",
    ),
    Mutation(
        "prototypes as constants",
        "core/algorithms/proto_maml.py",
        "(member.T @ features) / member",
        "(member.T @ features).detach() / member",
    ),
    Mutation(
        "prototypes without a bias",
        "core/algorithms/proto_maml.py",
        "-(prototypes**2)",
        "0 * (prototypes**2)",
    ),
    Mutation(
        "joint training on queries",
        "core/algorithms/baselines.py",
        "joint_loss(theta, support) +",
        "joint_loss(theta, query) +",
    ),
    Mutation(
        "momentum as a constant",
        "core/inner/inner_optimizers.py",
        "self.momentum * v +",
        "self.momentum * v.detach() +",
        DIFFERENCES,
    ),
    Mutation(
        "Adam without bias correction",
        "core/inner/inner_optimizers.py",
        "second[n] / bias2",
        "second[n]",
        DIFFERENCES,
    ),
    Mutation(
        "clipping as a constant",
        "core/inner/inner_optimizers.py",
        "min=clip**2))",
        "min=clip**2)).detach()",
        DIFFERENCES,
    ),
    Mutation(
        "log alpha without its chain rule",
        "training/step/learned_alpha.py",
        "gradient * slot.value.exp() if",
        "gradient if",
        LEARNED,
    ),
    Mutation(
        "moved by what is not finite",
        "training/step/update.py",
        "return torch.where(finite, new, old)",
        "return new",
        UPDATES,
    ),
    Mutation(
        "moved again after what is not finite",
        "training/step/update.py",
        "return state.finite & gradients",
        "return gradients",
        UPDATES,
    ),
    Mutation(
        "Adam without its second correction",
        "training/step/optimizers.py",
        "square.sqrt() / root.sqrt()",
        "square.sqrt()",
        OPTIMIZERS,
    ),
    Mutation(
        "no memory taken from a checkpoint",
        "training/step/layout.py",
        "memories[:count], memories[count:]",
        "[{}] * count, memories[count:]",
        UPDATES,
    ),
    Mutation(
        "a checksum that nobody compares",
        "training/checkpoint_file.py",
        "if data[start:stop] != hashlib",
        "if False and data[start:stop] != hashlib",
        CHECKPOINTS,
    ),
    Mutation(
        "a checkpoint without what it belongs to",
        "training/checkpoints.py",
        "if (then := saved.get(name)) != own:",
        "if (then := saved.get(name)) is own:",
        CHECKPOINTS,
    ),
    Mutation(
        "NaN as a meta step size",
        "training/checkpoints.py",
        "if not is_number(beta) or not 0 <= beta < inf:",
        "if not is_number(beta):",
        CHECKPOINTS,
    ),
    Mutation(
        "memory of any shape from a checkpoint",
        "training/step/optimizers.py",
        "(one.shape, one.is_floating_point()) ==",
        "True or (one.shape, one.is_floating_point()) ==",
        CHECKPOINTS,
    ),
    Mutation(
        "a resumed ensemble with other tasks",
        "training/ensemble.py",
        "self._task_stream.set_state(tasks)",
        "check_stream(tasks, path, ENSEMBLE)",
        CHECKPOINTS,
    ),
    Mutation(
        "weight decay of AdamW in the gradient",
        "training/step/optimizers.py",
        "if self.weight_decay and self.decoupled:",
        "if False:",
        OPTIMIZERS,
    ),
    Mutation(
        "Nesterov's momentum without its look ahead",
        "training/step/optimizers.py",
        "if self.nesterov else velocity",
        "if not self.nesterov else velocity",
        OPTIMIZERS,
    ),
    Mutation(
        "a learned alpha decays",
        "training/step/torch_optimizer.py",
        "decay=False)",
        "decay=True)",
        OPTIMIZERS,
    ),
    Mutation(
        "a replayed meta-step with the first beta of its run",
        "training/engine/step_loop.py",
        "            self._rest[self._beta_at] = beta\n",
        "",
        OPTIMIZERS,
    ),
    Mutation(
        "torch's optimiser writes into the state before",
        "training/step/torch_optimizer.py",
        "else tensor.clone()",
        "else tensor",
        OPTIMIZERS,
    ),
    Mutation(
        "tasks that were drawn for a failed meta-step lost",
        "training/run_state.py",
        "                self.task_stream.set_state(each.task_stream)\n",
        "",
        UPDATES,
    ),
    Mutation(
        "test tasks augmented",
        "training/held_out.py",
        "return family.without_augmentation() if isinstance(family, AugmentedFamily) else family",
        "return family",
        AUGMENTED,
    ),
    Mutation(
        "test classes augmented",
        "tasks/custom/labelled_tasks.py",
        'if self.augment is not None and self.split == "train":',
        "if self.augment is not None:",
        AUGMENTED,
    ),
    Mutation(
        "normalised by all classes",
        "tasks/custom/labelled_tasks.py",
        'table.rows[members["train"]][table.present[members["train"]]]',
        "table.rows[table.present]",
        AUGMENTED,
    ),
    Mutation(
        "parts of a deviation joined without their means",
        "tasks/custom/normalisation.py",
        "+ rest**2 * count * share",
        "+ 0 * rest",
        AUGMENTED,
    ),
    Mutation(
        "images of files in the order of their numbers",
        "tasks/custom/image_files.py",
        "return images[place]",
        "return images[place.sort().values]",
        AUGMENTED,
    ),
    Mutation(
        "a shot too few for each class",
        "tasks/custom/labelled_tasks.py",
        "(rank > shots)",
        "(rank >= shots)",
        UNEVEN,
    ),
    Mutation(
        "measures of tasks in the order of their sizes",
        "tasks/uneven.py",
        "torch.cat(leaves)[place.to(leaves[0].device)]",
        "torch.cat(leaves)",
        UNEVEN,
    ),
    Mutation(
        "task losses in the order of sizes",
        "training/step/measure.py",
        "task_losses=losses[place],",
        "task_losses=losses,",
        UNEVEN,
    ),
    Mutation(
        "curves in the order of sizes",
        "training/evaluation.py",
        "torch.cat([values for values, _ in chunks])[place],",
        "torch.cat([values for values, _ in chunks]),",
        UNEVEN,
    ),
    Mutation(
        "sizes of tasks that weigh the same",
        "training/step/measure.py",
        "each * (count / tasks)",
        "each / len(groups)",
        UNEVEN,
    ),
    Mutation(
        "padding that counts",
        "training/model/task_loss.py",
        "(losses * batch.mask).sum() / batch.mask.sum()",
        "losses.mean()",
        UNEVEN,
    ),
    Mutation(
        "sums taken for means over points",
        "training/vectorization.py",
        "pointwise = not stepwise and is_pointwise(loss_fn, params, batch)",
        "pointwise = not stepwise",
        UNEVEN,
    ),
    Mutation(
        "a list of tasks with the first one's query",
        "core/gradients/over_tasks.py",
        "_alone(support[i], query[i])",
        "_alone(support[i], query[0])",
        UNEVEN,
    ),
    Mutation(
        "an ensemble that tries to record sizes of tasks",
        "training/ensemble.py",
        "trial.vectorized and not trial.goes_by_size",
        "trial.vectorized",
        UNEVEN,
    ),
    Mutation(
        "recordings of tasks that go by size",
        "training/vectorization.py",
        "return self._uneven and (not self._pointwise",
        "return self._uneven and (False",
        UNEVEN,
    ),
    Mutation(
        "a refusal of torch's that ends in no loop",
        "training/vectorization.py",
        "if not (refusal.side_by_side and vectorized",
        "if not (vectorized and not refusal.side_by_side",
        ("tests/training/test_loop.py",),
    ),
    Mutation(
        "a failed look at vectorised tasks repeated each time",
        "training/vectorization.py",
        "._replace(**{which: False})",
        "._replace(**{which: True})",
        ("tests/training/test_loop.py",),
    ),
    Mutation(
        "the last state in place of the best",
        "training/selection.py",
        "self._best, self.state = (meta_step, score), state()",
        "self._best = (meta_step, score)\n        self.state = state()",
        WATCHED,
    ),
    Mutation(
        "patience of one look more",
        "training/selection.py",
        "return self._since < self._patience",
        "return self._since <= self._patience",
        WATCHED,
    ),
    Mutation(
        "averages of batch norm that never move",
        "training/run_state.py",
        "self.constants | statistics",
        "statistics | self.constants",
        ("tests/training/test_batch_norm.py",),
    ),
    Mutation(
        "centred RMSprop that is not",
        "training/step/optimizers.py",
        'variance = square - memory["grad_avg"] * memory["grad_avg"]',
        "variance = square",
        OPTIMIZERS,
    ),
    Mutation(
        "AMSGrad without its largest",
        "training/step/optimizers.py",
        'square = torch.maximum(slot.memory["max_exp_avg_sq"], square)',
        "square = square + 0.0",
        OPTIMIZERS,
    ),
    Mutation(
        "a warm-up that begins a step late",
        "training/step/beta.py",
        "(meta_step + 1) / self.meta_steps",
        "meta_step / self.meta_steps",
        OPTIMIZERS,
    ),
    Mutation(
        "support as query in training",
        "training/step/measure.py",
        "if self.shared_data else",
        "if not self.shared_data else",
        ("tests/training/test_meta_learner.py",),
    ),
    Mutation(
        "a drag undone step by step",
        "widgets/lab_context.py",
        "session.set(joined=self._edited,",
        "session.set(joined=False,",
        LAB,
    ),
    Mutation(
        "a drag joined to what was refused before",
        "widgets/lab_context.py",
        "session.set(joined=self._edited,",
        "session.set(joined=joined,",
        LAB,
    ),
    Mutation(
        "another task with the points of the last",
        "widgets/lab_controls.py",
        "% tasks, None",
        "% tasks, view.points",
        LAB,
    ),
    Mutation(
        "locked controls that move",
        "widgets/lab.py",
        "return name not in self._locked | self._hidden",
        "return name not in self._hidden",
        LAB,
    ),
    Mutation(
        "unfinished measuring forgotten at the start",
        "widgets/lab.py",
        "        if self._draw():\n            self._loop.wake()\n",
        "        self._draw()\n",
        LAB,
    ),
    Mutation(
        "a trait overwritten by an older reading of the session",
        "widgets/lab_traits.py",
        "        with self._lock:\n            now, before",
        "        if True:\n            now, before",
        TRAITS,
    ),
    Mutation(
        "a lab that ends the training of others",
        "widgets/lab.py",
        "        self._loop.close()\n",
        "        self._loop.close()\n        self.session.close()\n",
        TRAITS,
    ),
    Mutation(
        "a lab that ends with what a model raises",
        "widgets/lab.py",
        "except Exception as error:  # noqa: BLE001  # a person's own code",
        "except ValueError as error:",
        PROBLEMS,
    ),
    Mutation(
        "kept runs of other tasks compared",
        "figures/lab.py",
        "if ghost.snapshot.observer.source.tasks == tasks]",
        "]",
        PROBLEMS,
    ),
    Mutation(
        "one figure for the tasks of all problems",
        "widgets/renderer.py",
        "if kind != self._kind:",
        'if self._kind == "":',
        PROBLEMS,
    ),
    Mutation(
        "parameters of where the session stands, not of where it looks",
        "session/session.py",
        "run, at = timeline.run, self._looking",
        "run, at = timeline.run, None",
        ("tests/widgets/test_lab_exports.py",),
    ),
    Mutation(
        "few tasks shown in place of all",
        "training/estimation.py",
        "mean = new.mean(0) + slope * (earlier.mean(0) - before.mean(0))",
        "mean = new.mean(0)",
        ESTIMATION,
    ),
    Mutation(
        "an estimate as sure as a measurement",
        "training/estimation.py",
        "variance = residual / n * (1 - n / all_tasks)",
        "variance = 0 * residual",
        ESTIMATION,
    ),
    Mutation(
        "history in the colour of the algorithm in use",
        "figures/panels/stretches.py",
        'made_by = np.maximum(np.searchsorted(begins, meta_step, side="left") - 1, 0)',
        "made_by = np.full(len(meta_step), len(begins) - 1)",
        LOSSES,
    ),
    Mutation(
        "an axis that follows a spike",
        "figures/style/curves.py",
        "above = max(middle + _BEYOND",
        "above = max(float(logs.max()) + _BEYOND",
        LOSSES,
    ),
    Mutation(
        "a branch that keeps the step that was viewed",
        "session/session.py",
        "self._latest() if latest else self.snapshot()",
        "self.snapshot()",
        GUIDANCE,
    ),
    Mutation(
        "an inner step that the task does not have",
        "widgets/lab_context.py",
        "min(self.shown_step, self.steps)",
        "self.shown_step",
        GUIDANCE,
    ),
    Mutation(
        "divergence without a word",
        "session/history.py",
        "most = DIVERGED_TIMES * abs",
        "most = 1e300 * abs",
        GUIDANCE,
    ),
    Mutation(
        "a try that leaves θ where it went",
        "widgets/lab_context.py",
        "if before == after and session.can_undo:",
        "if before == after and not session.can_undo:",
        GUIDANCE,
    ),
    Mutation(
        "a twin below the lab",
        "experiments/runs/measurement.py",
        "if session.watched:",
        "if not session:",
        ("tests/experiments/test_claims.py",),
    ),
    Mutation(
        "every claim holds",
        "experiments/runs/claims.py",
        "'holds' if true else",
        "'holds' if words else",
        ("tests/experiments/test_claims.py",),
    ),
    Mutation(
        "the end of one cell for that of all",
        "widgets/end_of_cells.py",
        "    def _begin(self, _: object) -> None:\n        if self._timer is not None:",
        "    def _begin(self, _: object) -> None:\n        if self._timer is None:",
        ("tests/widgets/test_end_of_cells.py",),
    ),
    Mutation(
        "the random numbers of the first step at every inner step",
        "core/on_policy.py",
        "stage = step if self.by_step else 0",
        "stage = 0",
        ON_POLICY,
    ),
    Mutation(
        "one seed for all tasks",
        "core/on_policy.py",
        "[of_task(seed) for seed in seeds]",
        "[of_task(seeds[0]) for _ in seeds]",
        ON_POLICY,
    ),
    Mutation(
        "a recording of functions that have changed",
        "training/engine/step_engine.py",
        "step.rule.kind, drawn_by)",
        "step.rule.kind)",
        ("tests/training/test_on_policy_learner.py",),
    ),
    Mutation(
        "DiCE without the ratio of the steps before",
        "core/policy_gradients/objectives.py",
        "(ratios - before) * advantages",
        "(ratios - before.detach()) * advantages",
        POLICIES,
    ),
    Mutation(
        "DiCE without the product over steps",
        "core/policy_gradients/objectives.py",
        "log_ratios.cumsum(-1).exp()",
        "log_ratios.exp()",
        POLICIES,
    ),
    Mutation(
        "LVC by the logarithm of the ratio",
        "core/policy_gradients/objectives.py",
        "return log_ratios.exp() * advantages",
        "return log_ratios * advantages",
        POLICIES,
    ),
    Mutation(
        "advantages of the steps before",
        "core/policy_gradients/advantages.py",
        "apart >= 0, discount",
        "apart <= 0, discount",
        POLICIES,
    ),
    Mutation(
        "a baseline fitted to steps after the end",
        "core/policy_gradients/advantages.py",
        "features * steps.alive.double()[..., None]",
        "features * torch.ones_like(steps.alive).double()[..., None]",
        POLICIES,
    ),
    Mutation(
        "the value after the next step left out",
        "core/policy_gradients/advantages.py",
        "delta + discount * after - values",
        "delta + after - values",
        POLICIES,
    ),
    Mutation(
        "a reward for the position before the step",
        "tasks/navigation/trajectories.py",
        "world.judge(after, goals)",
        "world.judge(torch.cat([after[:, :1] * 0, after[:, :-1]], 1), goals)",
        NAVIGATION,
    ),
    Mutation(
        "an episode that takes a step after its end",
        "tasks/navigation/trajectories.py",
        "(~there).to(noise.dtype).cumprod(-1)",
        "(~there).to(noise.dtype)",
        NAVIGATION,
    ),
    Mutation(
        "differences of trajectories that every θ draws again",
        "training/learner_check.py",
        "if on_policy and not follows_theta",
        "if not on_policy and not follows_theta",
        ("tests/training/test_learner_check.py",),
    ),
    Mutation(
        "environments that may pay anything with the same seed",
        "tasks/custom/environments.py",
        "np.array_equal(before, after)",
        "np.array_equal(before, before)",
        ("tests/tasks/test_environment_tasks.py",),
    ),
    Mutation(
        "a test on the trajectories of training",
        "paper/navigation.py",
        "replace(family, shots=run.settings.test_shots)",
        "replace(family, shots=run.settings.shots)",
        BOUNDS,
    ),
    Mutation(
        "lengths that noise makes longer",
        "core/probes/estimators.py",
        "pairs = gram.sum((-2, -1)) - gram.diagonal(dim1=-2, dim2=-1).sum(-1)",
        "pairs = gram.sum((-2, -1))",
        ("tests/core/test_estimators.py",),
    ),
    Mutation(
        "the products of Hessians from the first inner step on",
        "core/probes/estimators.py",
        "path[step], data_of[name], direction",
        "path[0], data_of[name], query_slope",
        ("tests/core/test_estimators.py",),
    ),
    Mutation(
        "one action without the missing term",
        "core/policy_gradients/one_action.py",
        "policy_objective(objective, log_prob",
        'policy_objective("surrogate", log_prob',
        ("tests/core/test_estimators.py",),
    ),
    Mutation(
        "probabilities of actions at half their spread",
        "tasks/navigation/trajectories.py",
        "gaussian_log_prob(action, mean, log_std)",
        "gaussian_log_prob(action, mean, log_std / 2)",
        NAVIGATION,
    ),
    Mutation(
        "trajectories with a derivative",
        "tasks/navigation/trajectories.py",
        "nullcontext() if pathwise else",
        "nullcontext() if True else",
        NAVIGATION,
    ),
    Mutation(
        "advantages without the discount of their step",
        "tasks/navigation/policy_loss.py",
        "advantages = advantages * discounts",
        "advantages = advantages * discounts.sqrt()",
        NAVIGATION,
    ),
    Mutation(
        "a trust region of half the divergence",
        "core/policy_gradients/trust_region.py",
        "(2 * self.max_kl / curvature)",
        "(0.2 * self.max_kl / curvature)",
        SEARCH,
    ),
    Mutation(
        "a divergence that nothing bounds",
        "core/policy_gradients/trust_region.py",
        "before and divergence(step) <= self.max_kl:",
        "before and divergence(step) >= 0:",
        SEARCH,
    ),
    Mutation(
        "a step that need not be better",
        "core/policy_gradients/trust_region.py",
        "if objective(step) < before and",
        "if objective(step) <= before + 9 and",
        SEARCH,
    ),
    Mutation(
        "the divergence of θ from itself",
        "training/step/policy_search.py",
        "self._loss_fn.predictor(old), self._loss_fn.predictor(end)",
        "self._loss_fn.predictor(end), self._loss_fn.predictor(end)",
        SEARCH,
    ),
    Mutation(
        "trajectories of another inner step",
        "training/step/held_data.py",
        "loss_fn.at_step(k).draw(path[k], support)",
        "loss_fn.at_step(0).draw(path[0], support)",
        SEARCH,
    ),
    Mutation(
        "a bound with half of the speed",
        "tasks/navigation/world.py",
        "self.speed * time",
        "self.speed / 2 * time",
        BOUNDS,
    ),
    Mutation(
        "a bound that no episode ends early",
        "tasks/navigation/bounds.py",
        "mean - ended * lost",
        "mean + ended * lost",
        BOUNDS,
    ),
    Mutation(
        "the verdict of a return as if it were a loss",
        "paper/navigation_verdicts.py",
        "[-value for value in self.by_seed]",
        "[value for value in self.by_seed]",
        BOUNDS,
    ),
    Mutation(
        "paths after the end of an episode",
        "tasks/navigation/navigation.py",
        "[..., None] > 0, math.nan)",
        "[..., None] > -1, math.nan)",
        NAVIGATION,
    ),
    Mutation(
        "paths without a gap between them",
        "figures/panels/path_task.py",
        "np.concatenate([points, gaps], 1)",
        "np.concatenate([points, points[:, :1]], 1)",
        ("tests/figures/test_path_task.py",),
    ),
]


def survives(mutation: Mutation) -> bool:
    """Whether the tests pass in spite of the break."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(
                    ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__")
                )
            else:
                shutil.copy(ROOT / name, root / name)
        mutation.apply(root)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        run = subprocess.run(
            [*command, *mutation.tests],
            cwd=root,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    # 1: tests failed; any other code but 0 means that they did not run
    if run.returncode not in (0, 1):
        raise RuntimeError(f"{mutation.name}: the tests did not run\n{run.stdout}\n{run.stderr}")
    return run.returncode == 0


def main(files: Sequence[str] = ()) -> int:
    """Try every mutation, or those of some files; 1 if one survives."""
    survivors = []
    chosen = [m for m in MUTATIONS if not files or any(part in m.file for part in files)]
    for mutation in chosen:
        alive = survives(mutation)
        print(f"{'SURVIVES' if alive else 'caught':8}  {mutation.name}", flush=True)  # noqa: T201
        survivors += [mutation.name] * alive
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} caught")  # noqa: T201
    return bool(survivors)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
