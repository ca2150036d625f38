"""From settings to the algorithm that they determine, and which of them it uses."""

import re
from collections.abc import Sequence
from typing import Any

from labkit.core import Algorithm, LearnedAlpha
from labkit.session.settings.algorithms import ALGORITHMS
from labkit.session.settings.changes import LIVE
from labkit.session.settings.settings import Settings

_LEARNED = {
    "no": "",
    "scalar": ", α learned",
    "tensor": ", α per tensor",
    "element": ", α per element",
}


def algorithm_of(settings: Settings, names: Sequence[str]) -> Algorithm:
    """The algorithm that settings determine, for a model.

    The head, which alone adapts in ANIL and starts at the prototypes in Proto-MAML, is the last
    module that has parameters; in a model that is a single module it is the whole of it.

    Args:
        settings: Which algorithm, and what its inner loop is like.
        names: Names of θ's tensors in the order of the model, such as "4.weight", "4.bias".

    Returns:
        One of the algorithms of `labkit.core`; with a `LearnedAlpha` if α is to be learned and
        the algorithm has a gradient in it.

    Example:
        >>> algorithm_of(Settings(alpha_learned="tensor"), ["0.weight", "2.weight"]).alpha
        LearnedAlpha(initial=0.01, granularity='tensor', per_step=False, beta=0.001, positive=True)
        >>> algorithm_of(Settings(algorithm="anil"), ["0.weight", "2.weight"]).head
        '2.*'
    """
    entry = ALGORITHMS[settings.algorithm]
    arguments: dict[str, Any] = {name: getattr(settings, name) for name in entry.live_settings}
    if "head" in entry.arguments:
        arguments["head"] = _head(names)
    if settings.alpha_learned != "no" and entry.learns_alpha:
        arguments["alpha"] = LearnedAlpha(settings.alpha, granularity=settings.alpha_learned)
    return entry.kind(**arguments)


def unused(settings: Settings) -> dict[str, str]:
    """The live settings that have no effect with the others as they are, each with the reason.

    Example:
        >>> unused(Settings(algorithm="reptile"))
        {'order': 'not used by Reptile', 'alpha_learned': 'Reptile has no gradient in α'}
    """
    entry = ALGORITHMS[settings.algorithm]
    of_any = {name for other in ALGORITHMS.values() for name in other.live_settings}
    reasons = {
        name: f"not used by {entry.label}"
        for name in LIVE
        if name in of_any and name not in entry.live_settings
    }
    if not entry.learns_alpha:
        reasons["alpha_learned"] = f"{entry.label} has no gradient in α"
    elif settings.alpha_learned != "no":
        reasons["alpha"] = "α is being learned; its start value is fixed"
    if settings.inner_steps == 0:
        without = dict.fromkeys(("order", "alpha_learned"), "there is no inner step")
        reasons = without | reasons
    return reasons


def label(settings: Settings) -> str:
    """The algorithm in a few words, for legends.

    Example:
        >>> label(Settings(order=1)), label(Settings(alpha_learned="element"))
        ('first-order MAML', 'MAML, α per element')
    """
    entry = ALGORITHMS[settings.algorithm]
    first_order = "first-order " * (settings.order == 1 and "order" in entry.live_settings)
    return first_order + entry.label + _LEARNED[settings.alpha_learned] * entry.learns_alpha


def _head(names: Sequence[str]) -> str:
    """A pattern for the tensors of the last module."""
    # a layer under torch's parametrizations has the originals of its tensors one level down
    layer, inside, _ = names[-1].partition(".parametrizations.")
    module = layer if inside else names[-1].rpartition(".")[0]
    return re.sub(r"([*?[])", r"[\1]", module) + ".*" if module else "*"
