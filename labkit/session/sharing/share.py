"""A recipe as a short text to paste into a message, and back."""

import base64
import binascii
import hashlib
import json
import re
import zlib
from dataclasses import fields
from itertools import pairwise
from typing import Any

from labkit.session.settings import (
    ClassificationSettings,
    ParameterError,
    Settings,
    without_overruled,
)
from labkit.session.sharing.recipe import Recipe

PREFIX = "maml1."
"""What codes begin with. What a code leaves out are today's defaults: other ones need "maml2."."""

MOST_BYTES = 200_000
"""What a code unpacks to is less: about 6000 events of all digits, 10 000 from sliders."""

MOST_CHARACTERS = 100_000
"""Of a code, more than any has that unpacks to so much."""

_CHECK = 8
"""Characters of the checksum, 48 bits."""

_VERSION = re.compile(r"maml([1-9]\d*)\.")

_KINDS = {kind.__name__: kind for kind in (Settings, ClassificationSettings)}
_PLAIN = tuple(f.name for f in fields(Recipe) if f.name != "settings")


def share_code(recipe: Recipe) -> str:
    """A recipe as text of letters, digits, "-", "_" and ".".

    Of several changes of one setting at one meta-step, the last alone is kept: no session can tell
    the difference.

    Raises:
        ParameterError: There are too many events for a code.

    Example:
        >>> code = share_code(Recipe(Settings(alpha=0.02), tasks="Sinusoid", model="sinusoid_mlp"))
        >>> code[:6], read_share_code(code).settings.alpha
        ('maml1.', 0.02)
    """
    settings = recipe.settings
    written: dict[str, Any] = settings.model_dump(exclude_defaults=True, exclude={"events"})
    if settings.events:
        written["events"] = _columns(settings)
    blank = Recipe(settings)
    entries = {
        name: getattr(recipe, name)
        for name in _PLAIN
        if getattr(recipe, name) != getattr(blank, name)
    }
    entries |= {"settings": written, "kind": type(settings).__name__}
    text = json.dumps(entries, sort_keys=True, separators=(",", ":")).encode()
    if len(text) >= MOST_BYTES:
        raise ParameterError(
            f"{len(settings.events)} events are too many for a share code: pass on the parameters "
            "as a file instead, see parameters_yaml"
        )
    packer = zlib.compressobj(9, wbits=-15)
    payload = _letters(packer.compress(text) + packer.flush())
    return f"{PREFIX}{payload}.{_checksum(payload)}"


def read_share_code(text: str) -> Recipe:
    """The recipe that `share_code` wrote.

    Args:
        text: The code; white space and line breaks in it, and quotes around it, do not matter.

    Raises:
        ParameterError: It is no share code, is incomplete, was changed or comes from a newer
            version, or says what no recipe may; the message says which, and what to do.
    """
    entries = _unpacked(_payload(text))
    if not isinstance(entries, dict) or not isinstance(entries.get("settings"), dict):
        raise _unreadable("it holds no settings")
    kind = _KINDS.get(str(entries.pop("kind", None)))
    if kind is None:
        raise _unreadable("its settings are of an unknown kind")
    settings = entries.pop("settings")
    if unknown := sorted(entries.keys() - set(_PLAIN)):
        raise _unreadable(f"it holds {', '.join(map(repr, unknown))}, which no recipe has")
    if "events" in settings:
        settings["events"] = _rows(settings["events"])
    try:
        return Recipe(kind.checked(settings), **entries)
    except ParameterError as error:
        raise ParameterError(f"this share code contains an invalid setting: {error}") from error


def is_share_code(text: str) -> bool:
    """Whether a text begins as share codes do, of this version or another.

    Example:
        >>> is_share_code("> maml1.abc"), is_share_code("alpha: 0.1")
        (True, False)
    """
    return _VERSION.match(_bare(text)) is not None


def _bare(text: str) -> str:
    # mail programs break lines, indent them by "> " and put in marks that cannot be seen
    code = re.sub(r"[\s>\u00ad\u200b-\u200f\u2060\ufeff]", "", text)
    return code.strip("\"'`<«»‹›„“”‚‘’()[].,;:")


def _payload(text: str) -> str:
    """What stands between prefix and checksum, if it is as it was written."""
    if not isinstance(text, str):
        raise ParameterError(f"a share code is text that begins with {PREFIX!r}, got {text!r}")
    if len(text) > MOST_CHARACTERS:
        raise ParameterError(
            f"this is no share code: it has {len(text)} characters, and codes have at most "
            f"{MOST_CHARACTERS}"
        )
    code = _bare(text)
    version = _VERSION.match(f"{code}.")  # a dot at the end is taken for the sentence's
    if version is None:
        raise ParameterError(
            f"{code[:20]!r} does not begin a share code, which begins with {PREFIX!r}: copy the "
            "whole of it, from its first letter on"
        )
    if version[0] != PREFIX:
        raise ParameterError(
            f"this share code begins with {version[0]!r} and comes from a newer version of MAML "
            f"Lab; this one reads {PREFIX!r}: update maml-lab, or ask for the parameters as a file"
        )
    payload, _, checksum = code.removeprefix(PREFIX).partition(".")
    if len(checksum) < _CHECK:
        raise ParameterError(
            "this share code is cut short: copy it again up to its last letter, with all its lines"
        )
    if checksum != _checksum(payload):
        raise ParameterError(
            "this share code is corrupted: a character was changed, or extra text was copied. Copy "
            "it again from the source"
        )
    return payload


def _unpacked(payload: str) -> Any:
    """The JSON of a payload, of bounded size."""
    unpacker = zlib.decompressobj(wbits=-15)
    try:
        packed = base64.b64decode(payload + "=" * (-len(payload) % 4), altchars="-_", validate=True)
        text = unpacker.decompress(packed, MOST_BYTES)
    except (binascii.Error, zlib.error) as error:
        raise _unreadable(str(error)) from error
    if not unpacker.eof or unpacker.unused_data:
        raise _unreadable(f"it does not unpack to a whole of less than {MOST_BYTES} bytes")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # no JSON, or too deep, or a very long number
        raise _unreadable(str(error)) from error


def _columns(settings: Settings) -> list[list[Any]]:
    """Events as columns, which pack better: meta-steps since the last one, names, values."""
    events = without_overruled(settings.events)
    at = [0, *(meta_step for meta_step, _, _ in events)]
    return [
        [after - before for before, after in pairwise(at)],
        [name for _, name, _ in events],
        [value for _, _, value in events],
    ]


def _rows(columns: Any) -> list[list[Any]]:
    lists = isinstance(columns, list) and all(isinstance(column, list) for column in columns)
    if not lists or len(columns) != 3 or len({len(column) for column in columns}) != 1:
        raise _unreadable("its events are not three columns of one length")
    if not all(type(step) is int for step in columns[0]):
        raise _unreadable("its meta-steps are not whole numbers")
    rows, meta_step = [], 0
    for since, name, value in zip(*columns, strict=True):
        meta_step += since
        rows.append([meta_step, name, value])
    return rows


def _letters(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _checksum(payload: str) -> str:
    return _letters(hashlib.sha256(payload.encode(errors="replace")).digest()[: _CHECK * 6 // 8])


def _unreadable(reason: str) -> ParameterError:
    return ParameterError(
        f"this share code was not made by this version of MAML Lab: {reason}. Update maml-lab, or "
        "ask for a new code"
    )
