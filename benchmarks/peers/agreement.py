"""That all peers compute the same, before anything is said about their speed."""

from collections.abc import Mapping

import numpy as np

from benchmarks.peers.work import Array, Gradient

TOLERANCE = 1e-8
"""Of float64, relative to the largest entry of a tensor."""


class DisagreementError(ArithmeticError):
    """A peer computes something else than the others: its times mean nothing."""


def check_agreement(gradients: Mapping[str, Gradient], tolerance: float = TOLERANCE) -> None:
    """Hold each peer's loss and meta-gradient against the median of all, entry by entry.

    A tensor t agrees with the median m if max |t − m| ≤ tolerance · max |m|. Of three or more
    peers, one that is wrong is named alone; of two, both are.

    Args:
        gradients: Name of the peer → what it computed.
        tolerance: > 0.

    Raises:
        DisagreementError: Tensors differ, in values, names or shapes.
    """
    tensors_of = {peer: {"loss": g.loss, **g.params} for peer, g in gradients.items()}
    outlines = {peer: {n: v.shape for n, v in t.items()} for peer, t in tensors_of.items()}
    expected = next(iter(outlines.values()))
    if strange := [peer for peer, outline in outlines.items() if outline != expected]:
        raise DisagreementError(
            f"{', '.join(strange)}: names or shapes of the meta-gradient differ from those of "
            f"{next(iter(outlines))}, {expected}"
        )
    differences = []
    for name in expected:
        finite = [t[name] for t in tensors_of.values() if np.isfinite(t[name]).all()]
        middle = np.median(np.stack(finite or [np.array(np.nan)]), axis=0)
        for peer, tensors in tensors_of.items():
            # a NaN is no agreement either
            if not (error := _relative(tensors[name], middle)) <= tolerance:
                differences.append(f"{peer} differs by {error:.1e} in {name}")
    if differences:
        raise DisagreementError(
            f"expected the same loss and meta-gradient from all of {', '.join(tensors_of)} within "
            f"{tolerance:.0e}, but {'; '.join(differences)}: no times are taken until they agree"
        )


def _relative(tensor: Array, middle: Array) -> float:
    difference, scale = np.abs(tensor - middle).max(), np.abs(middle).max()
    return float(difference / scale if scale else difference)
