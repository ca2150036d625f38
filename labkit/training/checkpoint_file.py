"""Checkpoint files: safetensors, JSON in its metadata, and a checksum of all.

Reading one runs no code. The checksum is the SHA-256 of the whole file, in which the 64 digits of
the checksum itself count as zeros: a changed bit is noticed wherever it is.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from labkit._io import atomic_write
from labkit.version import __version__

FORMAT = 1
"""Of what is written; greater ones are of newer versions."""

_MARK, _SUM = "labkit_checkpoint", b'"sha256":"'
_UNSIGNED = "0" * 64
_TENSOR, _COMPLEX = "$tensor", "$complex"
_LENGTH = 8
"""Bytes with the length of a safetensors header, which follows them."""


def write_checkpoint(path: str | Path, kind: str, content: Mapping[str, Any]) -> None:
    """Write a checkpoint, whole or not at all; what is on disk then outlasts a loss of power.

    Args:
        path: Of the file; its folder exists.
        kind: Whose state it is, such as "MetaLearner".
        content: Dicts with names, lists, tensors, finite numbers, text, booleans and None.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_checkpoint(Path(folder) / "a", "Point", {"theta": torch.ones(2)})
        ...     read_checkpoint(Path(folder) / "a", "Point")
        {'theta': tensor([1., 1.])}
    """
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_packed(content, "", tensors), ensure_ascii=False, allow_nan=False)
    metadata = {
        "format": "pt",
        _MARK: str(FORMAT),
        "labkit": __version__,
        "kind": kind,
        "sha256": _UNSIGNED,
        "content": text,
    }
    unsigned = save(tensors, metadata)
    start = unsigned.index(_SUM) + len(_SUM)
    digest = hashlib.sha256(unsigned).hexdigest().encode()
    data = unsigned[:start] + digest + unsigned[start + len(digest) :]

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    atomic_write(path, write)


def read_checkpoint(path: str | Path, kind: str) -> dict[str, Any]:
    """Read what `write_checkpoint` wrote; the tensors come to the CPU.

    Args:
        path: Of the file.
        kind: Whose state it must be.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, cut short, of another program, of a newer version of labkit or
            of something else than `kind`; the message says which.
    """
    return parse_checkpoint(Path(path).read_bytes(), path, kind)


def parse_checkpoint(data: bytes, path: str | Path, kind: str) -> dict[str, Any]:
    """The same of a file's bytes."""
    metadata = _checked_metadata(data, path, kind)
    if metadata[_MARK] != str(FORMAT):
        raise ValueError(
            f"{path} is a checkpoint of format {metadata[_MARK]}, written by labkit "
            f"{metadata.get('labkit')}; this labkit {__version__} reads format {FORMAT}: update "
            "maml-lab"
        )
    if metadata.get("kind") != kind:
        raise ValueError(
            f"{path} is a checkpoint of a {metadata.get('kind')}, not of a {kind}: load it by the "
            "method load of what wrote it"
        )
    try:
        skeleton = json.loads(metadata["content"], parse_constant=_not_a_number)
        content = _unpacked(skeleton, load(data))
        if not isinstance(content, dict):
            raise TypeError("no names")  # noqa: TRY301  # as the others
    except (KeyError, TypeError, ValueError, RecursionError, SafetensorError) as error:
        raise invalid(path, kind, f"its content cannot be read ({error})") from error
    return content


def invalid(path: str | Path, kind: str, reason: str) -> ValueError:
    """The error on a file or state that `save` does not write."""
    return ValueError(f"{path} is not a checkpoint written by {kind}.save: {reason}")


def _checked_metadata(data: bytes, path: str | Path, kind: str) -> dict[str, str]:
    """The metadata of a file whose checksum is right."""
    end = _LENGTH + int.from_bytes(data[:_LENGTH], "little")
    try:
        metadata = json.loads(data[_LENGTH:end])["__metadata__"]
        metadata[_MARK], metadata["sha256"]  # KeyError if one is missing
    except (ValueError, KeyError, TypeError, RecursionError):
        raise invalid(path, kind, "it is of another program, or is damaged or cut short") from None
    start = data.find(_SUM, _LENGTH, end) + len(_SUM)
    stop = start + len(_UNSIGNED)
    unsigned = data[:start] + _UNSIGNED.encode() + data[stop:]
    if data[start:stop] != hashlib.sha256(unsigned).hexdigest().encode():
        raise ValueError(
            f"{path} is damaged: its content does not match its checksum. Take another copy or an "
            "earlier checkpoint"
        )
    return dict(metadata)


def _packed(tree: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """A tree as JSON, whose tensors go to `tensors` by their path."""
    match tree:
        case Tensor():
            kind = _COMPLEX if tree.is_complex() else _TENSOR
            real = torch.view_as_real(tree.resolve_conj()) if tree.is_complex() else tree
            while path in tensors:  # names may contain slashes
                path += "'"
            # copies: tensors that share memory, as tied ones do, are rejected
            tensors[path] = real.detach().cpu().clone(memory_format=torch.contiguous_format)
            return {kind: path}
        case Mapping():
            return {key: _packed(part, f"{path}/{key}", tensors) for key, part in tree.items()}
        case list() | tuple():
            return [_packed(part, f"{path}/{at}", tensors) for at, part in enumerate(tree)]
        case _:
            return tree


def _unpacked(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(tree, list):
        return [_unpacked(part, tensors) for part in tree]
    if not isinstance(tree, dict):
        return tree
    if len(tree) == 1:
        ((kind, name),) = tree.items()
        if isinstance(name, str) and kind in {_TENSOR, _COMPLEX}:
            return tensors[name] if kind == _TENSOR else _complex(tensors[name])
    return {key: _unpacked(part, tensors) for key, part in tree.items()}


def _complex(pairs: Tensor) -> Tensor:
    try:
        return torch.view_as_complex(pairs)
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def _not_a_number(text: str) -> NoReturn:
    raise ValueError(f"{text} in place of a number")
