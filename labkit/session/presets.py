"""Prepared sessions, each with two sentences on what to watch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from labkit.session.observe import Snapshot
from labkit.session.session import Session
from labkit.session.settings import ParameterError, Settings, message_on
from labkit.session.sharing import Recipe, name_of, source_of
from labkit.session.source import Source


@final
@dataclass(frozen=True, slots=True)
class Preset:
    """A session to open by name.

    Attributes:
        name: By which it is opened.
        title: What it is about, in a few words.
        watch: What to watch, in two sentences; what they say does happen.
        recipe: Of the session, at meta-step 0.
        test_tasks: Held-out tasks of its curves.

    Example:
        >>> preset = PRESETS["first-order-bias"]
        >>> session = preset.session()
        >>> session.run(60)
        >>> round(session.snapshot().params["theta"].item(), 6)
        0.5
    """

    name: str
    title: str
    watch: str
    recipe: Recipe
    test_tasks: int = 2

    def session(self) -> Session:
        """A new session, at meta-step 0."""
        return Session.from_recipe(self.recipe, test_tasks=self.test_tasks)

    def begins(self, snapshot: Snapshot) -> bool:
        """Whether a session began as this one does."""
        source, recipe = snapshot.observer.source, self.recipe
        return (
            snapshot.start == recipe.settings.changed(events=())
            and name_of(source.tasks) == recipe.tasks
            and name_of(source.model) == recipe.model
        )

    def restarted(self, present: Source) -> tuple[Source, Settings]:
        """Source and settings for a session that has another source by now."""
        return source_of(self.recipe, present), self.recipe.settings


def preset_of(snapshot: Snapshot) -> Preset | None:
    """The preset that a session began as; None if it began otherwise."""
    return next((preset for preset in PRESETS.values() if preset.begins(snapshot)), None)


def preset_named(name: object) -> Preset:
    """The preset of a name.

    Raises:
        ParameterError: There is none.
    """
    preset = PRESETS.get(name) if isinstance(name, str) else None
    if preset is None:
        raise ParameterError(message_on("preset", name, f"must be one of {', '.join(PRESETS)}"))
    return preset


def _toy(
    tasks: str, meta_batch: int, *, model: str = "parameter_vector", **settings: Any
) -> Recipe:
    """A session on a toy problem whose meta-batch has each task equally often."""
    usual: dict[str, Any] = {
        "shots": 1,
        "meta_batch": meta_batch,
        "meta_optimizer": "sgd",
        "meta_steps": 200,
    }
    return Recipe(Settings(**(usual | settings)), tasks=tasks, model=model)


def _rails(**settings: Any) -> Recipe:
    return _toy("two_rails", 2, **({"alpha": 0.2, "beta": 0.5} | settings))


_IN_ORDER = (
    Preset(
        "first-order-bias",
        "First-order bias on two rails",
        "First-order MAML ends at θ = 0.5, with a loss of 0.05 after one step. Switch the "
        "meta-gradient to exact: θ goes to 0.2, and the loss falls to 0.032.",
        _rails(order=1),
    ),
    Preset(
        "first-order-diverges",
        "First-order MAML diverges",
        "At α = 0.3 each task alone still converges, and with first-order MAML the loss grows "
        "with every meta-step, whatever β is. Switch the meta-gradient to exact: θ goes to 0.246.",
        _rails(alpha=0.3, order=1),
    ),
    Preset(
        "order-back-and-forth",
        "Exact, first-order, exact",
        "The order changes at meta-steps 60 and 120: θ goes to 0.2, to 0.5 and back to 0.2. The "
        "loss after one step is 0.032, then 0.05, then 0.032 again.",
        _rails(events=((60, "order", 1), (120, "order", 2))),
    ),
    Preset(
        "order-does-not-matter",
        "When the order does not matter",
        "At α = 0.01 the exact and the first-order direction differ by less than half a degree. "
        "Set α to 0.2: they are more than 90° apart.",
        _toy("coupled_quadratics", 3, model="parameter_vector(size=2)", alpha=0.01, beta=0.1),
        3,
    ),
    Preset(
        "alpha-too-large",
        "α too large",
        "α = 0.55 is above 2/4, so along the steep direction every inner step makes the loss "
        "larger: the adaptation curve climbs over all five steps. Set α to 0.2, and it falls.",
        _toy("two_curvatures", 4, model="parameter_vector(size=2)",
             alpha=0.55, beta=0.01, inner_steps=5),
        4,
    ),
    Preset(
        "exploding-inner-loop",
        "Exploding inner loop",
        "Eight steps of α = 0.6 raise the loss more than 200 times before training. The exact "
        "meta-gradient then moves θ to the minimum of the steep task, 1, where that task needs no "
        "step at all.",
        _rails(alpha=0.6, beta=0.001, inner_steps=8),
    ),
    Preset(
        "learned-alpha",
        "A learned α tames the inner loop",
        "α starts at 0.5 for both directions, which leaves 85 % of the loss after one step. Within "
        "200 meta-steps the α of the steep direction falls to 0.3 and less than 11 % is left: no "
        "single α does better than that.",
        _toy("two_curvatures", 4, model="parameter_vector(size=2, start=0.5)",
             alpha=0.5, beta=0.01, alpha_learned="element"),
        4,
    ),
    Preset(
        "solved-in-one-step",
        "A task that one step solves has no say",
        "At α = 1/4 one step solves the steep task from anywhere, so exact MAML does not count it: "
        "θ goes to 0, the minimum of the flat task, and the loss after one step to 0. Switch to "
        "first-order: θ ends at 0 too, for the steep task has no gradient left.",
        _toy("two_rails", 2, model="parameter_vector(start=0.9)", alpha=0.25, beta=1.0),
    ),
    Preset(
        "beta-too-small",
        "β too small to see anything",
        "With β = 0.00001 forty meta-steps change the loss after one step by less than a "
        "thousandth. Set β to 0.01: within forty more it falls by more than a tenth.",
        Recipe(
            Settings(beta=1e-5, meta_batch=10, meta_steps=40),
            tasks="Sinusoid",
            model="sinusoid_mlp",
        ),
        50,
    ),
    Preset(
        "beta-too-large",
        "β too large",
        "On these tasks exact MAML with α = 0.2 converges for β below 5. At β = 5.5 θ jumps from "
        "side to side of 0.2, each time 1.2 times as far.",
        _rails(beta=5.5, meta_steps=20),
    ),
    Preset(
        "k-mismatch",
        "Trained for one K, used with another",
        "θ is trained for K = 5 and ends at 0: after five steps almost nothing is left of the "
        "loss, and after one step 0.04. Set K to 1: θ goes to 0.2, and the loss after one step "
        "falls to 0.032.",
        _toy("two_rails", 2, model="parameter_vector(start=0.5)",
             alpha=0.2, beta=4.0, inner_steps=5),
    ),
    Preset(
        "reptile-is-joint",
        "Reptile with one step is joint training",
        "Reptile with K = 1 ends at θ = 0.8, the minimum of the mean loss, as joint training "
        "does. Set K to 5: θ moves to 0.6.",
        _rails(algorithm="reptile"),
    ),
    Preset(
        "support-is-query",
        "Support = query",
        "The model adapts to exactly the points it is judged on, so every further inner step "
        "lowers the loss. Open “Noisy support” to see the same tasks judged on other data.",
        _rails(inner_steps=3),
    ),
    Preset(
        "noisy-support",
        "Noisy support",
        "Each support set misses the task's minimum, so after the first step further steps raise "
        "the query loss: they fit the error. Set shots to 16: the loss after one step falls to "
        "less than a fifth.",
        _toy("two_rails(error=1.0)", 200, alpha=0.2, beta=0.5, meta_steps=20),
        200,
    ),
    Preset(
        "grown-curvature",
        "A step that was harmless",
        "Before training α = 0.1 would be harmless: α·λ is about 0.2. At meta-step 150 α rises to "
        "0.1, and by then the loss after one step is more than three times that before it.",
        Recipe(
            Settings(beta=0.01, meta_batch=10, meta_steps=150, events=((150, "alpha", 0.1),)),
            tasks="Sinusoid",
            model="sinusoid_mlp",
        ),
        50,
    ),
)  # fmt: skip

PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in _IN_ORDER}
"""Name → prepared session."""
