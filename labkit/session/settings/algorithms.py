"""From settings to the algorithm that they mean, and which of them it uses."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_args

from labkit.core import ANIL, IMAML, MAML, Algorithm, LearnedAlpha, ProtoMAML, Reptile
from labkit.session.settings.changes import LIVE

if TYPE_CHECKING:  # settings ask here what the algorithms would refuse
    from labkit.session.settings.settings import Settings

_ALGORITHMS: dict[str, tuple[str, type[Algorithm]]] = {
    "maml": ("MAML", MAML),
    "anil": ("ANIL", ANIL),
    "reptile": ("Reptile", Reptile),
    "imaml": ("iMAML", IMAML),
    "proto_maml": ("Proto-MAML", ProtoMAML),
}
"""Name as a setting → name in words, class."""

_LEARNED = {
    "no": "",
    "scalar": ", α learned",
    "tensor": ", α per tensor",
    "element": ", α per element",
}


def algorithm_of(settings: "Settings", names: Sequence[str]) -> Algorithm:
    """The algorithm that settings mean, for a model.

    The head, which alone adapts in ANIL and starts at the prototypes in Proto-MAML, is the last
    module that has parameters; in a model that is a single module it is the whole of it.

    Args:
        settings: Which algorithm, and what its inner loop is like.
        names: Names of θ's tensors in the order of the model, such as "4.weight", "4.bias".

    Returns:
        One of the algorithms of `labkit.core`; with a `LearnedAlpha` where α is to be learned and
        the algorithm has a gradient in it.

    Example:
        >>> from labkit.session.settings.settings import Settings
        >>> algorithm_of(Settings(alpha_learned="tensor"), ["0.weight", "2.weight"]).alpha
        LearnedAlpha(initial=0.01, granularity='tensor', per_step=False, beta=0.001, positive=True)
        >>> algorithm_of(Settings(algorithm="anil"), ["0.weight", "2.weight"]).head
        '2.*'
    """
    _, kind = _ALGORITHMS[settings.algorithm]
    taken = _arguments(kind)
    arguments: dict[str, Any] = {name: getattr(settings, name) for name in taken if name in LIVE}
    if "head" in taken:
        arguments["head"] = _head(names)
    if settings.alpha_learned != "no" and _learns_alpha(kind):
        arguments["alpha"] = LearnedAlpha(settings.alpha, granularity=settings.alpha_learned)
    return kind(**arguments)


def unused(settings: "Settings") -> dict[str, str]:
    """The live settings that do not count with the others as they are, each with the reason.

    Example:
        >>> from labkit.session.settings.settings import Settings
        >>> unused(Settings(algorithm="reptile"))
        {'order': 'not used by Reptile', 'alpha_learned': 'Reptile has no gradient in α'}
    """
    words, kind = _ALGORITHMS[settings.algorithm]
    of_any = set().union(*(_arguments(other) for _, other in _ALGORITHMS.values()))
    reasons = {
        name: f"not used by {words}"
        for name in LIVE
        if name in of_any and name not in _arguments(kind)
    }
    if not _learns_alpha(kind):
        reasons["alpha_learned"] = f"{words} has no gradient in α"
    elif settings.alpha_learned != "no":
        reasons["alpha"] = "α is learned, from where it began"
    if settings.inner_steps == 0:
        without = dict.fromkeys(("order", "alpha_learned"), "there is no inner step")
        reasons = without | reasons
    return reasons


def label(settings: "Settings") -> str:
    """The algorithm in a few words, for legends.

    Example:
        >>> from labkit.session.settings.settings import Settings
        >>> label(Settings(order=1)), label(Settings(alpha_learned="element"))
        ('first-order MAML', 'MAML, α per element')
    """
    words, kind = _ALGORITHMS[settings.algorithm]
    first_order = "first-order " * (settings.order == 1 and "order" in _arguments(kind))
    return first_order + words + _LEARNED[settings.alpha_learned] * _learns_alpha(kind)


def refusal(values: Mapping[str, object]) -> str | None:
    """Why no algorithm can be made of values that are allowed one by one; None if it can.

    Example:
        >>> refusal({"algorithm": "maml", "alpha": 0.0, "alpha_learned": "no"})
    """
    _, kind = _ALGORITHMS[str(values["algorithm"])]
    learned = values["alpha_learned"]
    if values["alpha"] == 0 and learned != "no" and _learns_alpha(kind):
        return (
            f"alpha = 0 with alpha_learned = {learned!r}: a learned α is kept above 0, so that it "
            "must begin above 0: give a larger alpha, or alpha_learned = 'no'"
        )
    return None


def _arguments(kind: type[Algorithm]) -> dict[str, object]:
    return {field.name: field.type for field in fields(kind)}


def _learns_alpha(kind: type[Algorithm]) -> bool:
    return LearnedAlpha in get_args(_arguments(kind)["alpha"])


def _head(names: Sequence[str]) -> str:
    """A pattern for the tensors of the last module."""
    # a layer under torch's parametrizations has the originals of its tensors one level down
    layer, inside, _ = names[-1].partition(".parametrizations.")
    module = layer if inside else names[-1].rpartition(".")[0]
    return re.sub(r"([*?[])", r"[\1]", module) + ".*" if module else "*"
