"""Errors in the lab's own words: the labels of its controls, not the names in Python."""

import re
from collections.abc import Mapping
from typing import Any

from labkit.session import ALGORITHMS

CHOICE_WORDS: Mapping[str, Mapping[Any, str]] = {
    "algorithm": {entry.name: entry.label for entry in ALGORITHMS.values()},
    "alpha_learned": {
        "no": "fixed",
        "scalar": "learned",
        "tensor": "learned per tensor",
        "element": "learned per element",
    },
    "meta_optimizer": {"adam": "Adam", "sgd": "SGD"},
    "order": {2: "exact", 1: "first-order"},
}
"""Setting → value → what the lab calls it."""

LABELS = {
    "alpha": "α",
    "beta": "β",
    "inner_steps": "K",
    "order": "meta-gradient",
    "algorithm": "algorithm",
    "alpha_learned": "inner step size",
    "meta_optimizer": "meta-optimiser",
    "meta_batch": "meta-batch",
    "shots": "shots",
}
"""Setting → the label of its control."""

_NAMES = "|".join(LABELS)
_CHOSEN = re.compile(rf"\b({_NAMES}) = ('(\w+)'|\d+\b)")
_SET = re.compile(rf"\b({_NAMES})(?= [=≥>])")
_PLAIN = re.compile(r"\b(alpha|beta|inner_steps|alpha_learned|meta_optimizer|meta_batch)\b")


def in_words_of_the_lab(text: str) -> str:
    """An error's message with the names of settings as their controls have them.

    Example:
        >>> in_words_of_the_lab("inner_steps = 1.5: must be a whole number ≥ 0")
        'K = 1.5: must be a whole number ≥ 0'
        >>> in_words_of_the_lab("give a larger alpha, or alpha_learned = 'no'")
        'give a larger α, or inner step size = fixed'
    """

    def chosen(match: re.Match[str]) -> str:
        name, written, word = match.groups()
        value = word or int(written)
        return f"{LABELS[name]} = {CHOICE_WORDS.get(name, {}).get(value, written)}"

    def label(match: re.Match[str]) -> str:
        return LABELS[match[1]]

    return _PLAIN.sub(label, _SET.sub(label, _CHOSEN.sub(chosen, text)))
