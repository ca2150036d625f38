"""What happens when a private interface of torch is gone: the next slower engine, and a warning."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_WARNED: set[str] = set()
"""Interfaces that the user has been warned of."""


class TorchInterfaceError(RuntimeError):
    """This version of torch lacks a private interface, or has changed it.

    Attributes:
        interface: Its name.
    """

    def __init__(self, interface: str, reason: object) -> None:
        super().__init__(f"torch {torch.__version__} has changed {interface}: {reason}")
        self.interface = interface


class EngineFallbackWarning(UserWarning):
    """Meta-steps are computed by a slower engine, to the same numbers, for lack of an interface."""


@contextmanager
def private_interface(name: str) -> Iterator[None]:
    """Raise TorchInterfaceError where the block shows that an interface is not what we rely on.

    Args:
        name: Of the interface, for the message.
    """
    try:
        yield
    except (AttributeError, ImportError, TypeError) as error:
        raise TorchInterfaceError(name, str(error).strip().partition("\n")[0]) from error


def warn_of_fallback(error: TorchInterfaceError, instead: str) -> None:
    """Warn once per interface.

    Args:
        error: What is missing.
        instead: How meta-steps are computed now.
    """
    if error.interface not in _WARNED:
        _WARNED.add(error.interface)
        warnings.warn(
            f"{error}. Training continues with the same numbers, {instead}, which is slower: "
            "install a version of torch that labkit was tested with to get the speed back",
            EngineFallbackWarning,
            stacklevel=2,
        )
