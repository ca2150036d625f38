"""How the file of emoji is made from drawings, on a few made up here."""

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts import build_emoji, emoji_drawings
from scripts.build_emoji import LEVELS, groups, packed, split, without_duplicates, write
from scripts.emoji_drawings import Drawings, render

VENDORS = ("a", "b", "c", "d", "e", "f")


def made(names: list[str]) -> Drawings:
    """Different noise for each drawing, by all vendors."""
    noise = np.random.default_rng(0).integers(0, 256, (len(names), 6, 32, 32, 3), np.uint8)
    codepoints = tuple(f"1f{i:03x}" for i in range(len(names)))
    return Drawings(noise, np.ones((len(names), 6), bool), codepoints, tuple(names), VENDORS)


def test_of_a_drawing_by_two_vendors_the_later_goes() -> None:
    drawings = made(["cat", "dog"])
    drawings.images[0, 4] = drawings.images[0, 1]
    kept = without_duplicates(drawings)
    assert kept.names == ("cat", "dog")
    assert kept.present[0].tolist() == [True, True, True, True, False, True]
    assert kept.present[1].all()
    assert (kept.images[0, 4] == 255).all()


def test_a_drawing_of_two_emoji_goes_from_both() -> None:
    drawings = made(["cat", "dog", "cow"])
    # nearly the same, by different vendors
    drawings.images[1, 2] = drawings.images[0, 5] // 2 * 2
    kept = without_duplicates(drawings)
    assert kept.present.tolist() == [
        [True, True, True, True, True, False],
        [True, True, False, True, True, True],
        [True] * 6,
    ]


def test_blank_drawings_and_emoji_with_few_drawings_go() -> None:
    drawings = made(["cat", "dog"])
    drawings.images[0, :2] = 255
    kept = without_duplicates(drawings)
    assert kept.names == ("dog",)
    assert kept.codepoints == ("1f001",)
    assert np.array_equal(kept.images, drawings.images[1:])


def test_groups() -> None:
    names = [
        "cow",
        "cow-face",
        "dog-face",
        "two-oclock",
        "half-past-thirty",
        "tree",
        "big-tree-top",
    ]
    drawings = made([*names, "moon", "sun", "keycap-1", "keycap-2", "hut"])
    drawings.images[7, 3] = np.clip(drawings.images[8, 0].astype(int) + 10, 0, 255)  # 0.04 apart
    drawings = Drawings(
        drawings.images,
        drawings.present,
        (*drawings.codepoints[:-1], drawings.codepoints[5] + "-200d"),
        drawings.names,
        VENDORS,
    )
    result = {frozenset(drawings.names[i] for i in group) for group in groups(drawings)}
    assert result == {
        frozenset({"cow", "cow-face", "dog-face"}),
        frozenset({"two-oclock", "half-past-thirty"}),
        frozenset({"tree", "hut"}),
        frozenset({"big-tree-top"}),
        frozenset({"moon", "sun"}),
        frozenset({"keycap-1", "keycap-2"}),
    }


def test_split_keeps_groups_whole_and_is_always_the_same() -> None:
    names = [f"{chr(97 + i % 26)}{i}" for i in range(60)]
    names += [f"x{i}-hand" for i in range(6)]
    names += [f"{one}{i}-pair{i}" for i in range(15) for one in "yz"]
    drawings = made(names)
    result = split(drawings)
    assert np.bincount(result).tolist() == pytest.approx([66, 15, 15], abs=1)
    assert not result[60:66].any()  # a group of more than 3 % trains
    pairs = result[66:].reshape(15, 2)
    assert (pairs[:, 0] == pairs[:, 1]).all()
    assert set(pairs[:, 0].tolist()) == {0, 1, 2}
    assert np.array_equal(result, split(drawings))
    # by the hash: first the test, then the validation, then the training classes
    hashes = [hashlib.sha256(c.encode()).hexdigest() for c in drawings.codepoints[:60]]
    by_hash = result[:60][np.argsort(hashes)].tolist()
    assert by_hash == sorted(by_hash, key=(2, 1, 0).index)
    # another order of the rows changes nothing
    order = np.random.default_rng(1).permutation(len(names))
    assert np.array_equal(split(drawings.kept(order)), result[order])


def test_too_few_small_groups() -> None:
    with pytest.raises(SystemExit, match="too few classes outside of large groups for the split"):
        split(made([f"x{i}-hand" for i in range(10)]))


def test_the_file_is_the_same_every_time_and_nearly_exact(tmp_path: Path) -> None:
    drawings = made([chr(97 + i) * 2 for i in range(26)] + [chr(97 + i) for i in range(26)])
    drawings.present[3, 2] = False
    for name in ("one.npz", "two.npz"):
        write(tmp_path / name, packed(drawings))
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with np.load(tmp_path / "one.npz") as file:
        assert len(file["drawings"]) == 52 * 6 - 1
        # vendor after vendor: the 52 of the first, then the second's
        back = file["drawings"][52 + 7].astype(float) * 255 / LEVELS
        assert np.abs(back - drawings.images[7, 1]).max() <= 255 / LEVELS / 2 + 1e-9
        assert file["names"].tolist() == list(drawings.names)


def test_from_drawings_rendered_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = os.environ.get("LABKIT_DATA", "")
    rendered = Path(folder) / "emoji" / "emoji6_32.npz"
    if not folder or not rendered.exists():
        pytest.skip("LABKIT_DATA has no emoji/emoji6_32.npz, drawings rendered before")
    with np.load(rendered) as file:
        arrays = dict(file)
    few = slice(600, 800)
    part = {k: v if k == "sets" else v[few] for k, v in arrays.items()}
    np.savez(tmp_path / "part.npz", **part)
    target = tmp_path / "emoji.npz"
    command = ["build_emoji", "--from", str(tmp_path / "part.npz"), "--to", str(target)]
    monkeypatch.setattr(sys, "argv", command)
    monkeypatch.setattr(build_emoji, "LARGE", 0.5)
    build_emoji.main()
    assert "classes with" in capsys.readouterr().out
    shipped = Path(build_emoji.__file__).parents[1] / "labkit/data/emoji/emoji.npz"
    ours, theirs = _by_codepoint(target), _by_codepoint(shipped)
    common = ours.keys() & theirs.keys()
    assert len(common) > 1000
    assert all(np.array_equal(ours[key], theirs[key]) for key in common)


def _by_codepoint(path: Path) -> dict[tuple[str, str], Any]:
    with np.load(path) as file:
        vendor, row = np.nonzero(file["present"].T)
        keys = zip(file["codepoints"][row].tolist(), file["vendors"][vendor].tolist(), strict=True)
        return dict(zip(keys, file["drawings"], strict=True))


def package(icons: dict[str, str], chars: dict[str, str], **aliases: str) -> dict[str, Any]:
    return {
        "icons": {
            "icons": {name: {"body": body} for name, body in icons.items()},
            "aliases": {name: {"parent": parent} for name, parent in aliases.items()},
            "width": 64,
            "height": 32,
        },
        "chars": chars,
    }


def test_which_icons_belong_to_an_emoji(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def raster(svg: str) -> emoji_drawings.Bytes:
        seen.append(svg)
        return np.zeros((32, 32, 3), np.uint8)

    monkeypatch.setattr(emoji_drawings, "_raster", raster)
    chars = {"1f98a": "fox", "1f997": "cricket", "1f3cf": "cricket-game", "1f44d-1f3fb": "fox"}
    everything = {"fox": "F", "cricket": "C", "cricket-game": "G"}
    drawings = render(
        {
            "coded": package(everything, chars),
            "other": package({"fox-face": "F", "cricket": "C"}, {"1f98a": "fox-face"}),
            "named": package({**everything, "fox": "<path/>"}, {}),
            "alias": package({"old-fox": "F", "cricket": "C"}, {}, fox="old-fox"),
            # an alias that is the name of another emoji does not count
            "wrong": package({"fox": "F", "cricket-game": "G"}, {}, cricket="cricket-game"),
            "last": package(everything, {}),
        }
    )
    assert drawings.codepoints == ("1f98a",)
    assert drawings.names == ("fox",)
    assert drawings.present.tolist() == [[True] * 6]
    assert 'viewBox="0 0 64 32"><path/></svg>' in seen[2]
