"""From the npm packages of six sets of emoji to drawings of 32×32 pixels."""

import hashlib
import io
import json
import re
import subprocess
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PACKAGES = {
    "twemoji": ("1.2.5", "19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7"),
    "noto": ("1.2.9", "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad"),
    "fluent-emoji-flat": (
        "1.2.6",
        "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
    ),
    "emojione": ("1.2.3", "26a14f44284407e8bcde91799388dca2bfd91dbcd55a97f425524a1c5b73610e"),
    "noto-v1": ("1.2.5", "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37"),
    "fxemoji": ("1.2.2", "f3e72b3c59d05e1db03b7e308d55c0d05bd7ba3f625a90da1b79313c12858eef"),
}
"""Vendor → version of its package @iconify-json/<vendor> and SHA-256 of that archive."""

MISNAMED = {("fxemoji", "keyboard"), ("fxemoji", "sunglasses")}
"""Icons that show another thing than their name says: a piano, a face."""

VARIANT = re.compile(r"\b(200d|1f3f[b-f]|1f1e[6-9a-f]|1f1f.|e00..)\b")
"""Parts of the code points of sequences, skin tones and flags: variants of one another."""

SIDE = 32
"""Pixels of a drawing; it is rendered four times as large and scaled down by Lanczos."""
VENDORS_PER_CLASS = 5
"""An emoji becomes a class if that many vendors drew it."""

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Drawings:
    """Emoji as drawn by each vendor: images (classes, vendors, 32, 32, 3), present, and names."""

    images: Bytes
    present: Flags
    codepoints: tuple[str, ...]
    names: tuple[str, ...]
    vendors: tuple[str, ...]

    def kept(self, classes: Iterable[int]) -> "Drawings":
        """Only these classes."""
        index = list(classes)
        return Drawings(
            self.images[index],
            self.present[index],
            tuple(self.codepoints[i] for i in index),
            tuple(self.names[i] for i in index),
            self.vendors,
        )


def read_packages(folder: Path) -> dict[str, dict[str, Any]]:
    """Icons and code points of each vendor, from the archives that npm puts into `folder`."""
    result = {}
    for vendor, (version, checksum) in PACKAGES.items():
        archive = folder / f"iconify-json-{vendor}-{version}.tgz"
        if not archive.exists():
            package = f"@iconify-json/{vendor}@{version}"
            subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True)
        checked = hashlib.sha256(archive.read_bytes()).hexdigest()
        if checked != checksum:
            raise SystemExit(f"{archive.name}: expected SHA-256 {checksum}, got {checked}")
        with tarfile.open(archive) as tar:
            result[vendor] = {
                part: json.load(tar.extractfile(f"package/{part}.json") or io.BytesIO())
                for part in ("icons", "chars")
            }
    return result


def render(packages: Mapping[str, Mapping[str, Any]]) -> Drawings:
    """Draw every emoji that has enough vendors.

    Vendors name their icons alike but only some give the code points. An icon belongs to a code
    point if any vendor assigns its name to it. A `VARIANT` of another emoji is left out.
    """
    names: dict[str, Counter[str]] = defaultdict(Counter)
    for package in packages.values():
        for codepoint, name in package["chars"].items():
            if not VARIANT.search(codepoint):
                names[codepoint][name] += 1
    everyone = {name for counter in names.values() for name in counter}
    classes = []
    for codepoint in sorted(names):
        candidates = [name for name, _ in names[codepoint].most_common()]
        icons = [
            None
            if (vendor, candidates[0]) in MISNAMED
            else _icon(package, _names(package, codepoint, candidates), everyone - set(candidates))
            for vendor, package in packages.items()
        ]
        if sum(icon is not None for icon in icons) >= VENDORS_PER_CLASS:
            classes.append((codepoint, candidates[0], icons))
    images = np.full((len(classes), len(packages), SIDE, SIDE, 3), 255, np.uint8)
    present = np.zeros(images.shape[:2], bool)
    for row, (_, _, icons) in enumerate(classes):
        for column, svg in enumerate(icons):
            if svg is not None:
                images[row, column] = _raster(svg)
                present[row, column] = True
    return Drawings(
        images,
        present,
        tuple(codepoint for codepoint, _, _ in classes),
        tuple(name for _, name, _ in classes),
        tuple(packages),
    )


def _names(package: Mapping[str, Any], codepoint: str, candidates: list[str]) -> list[str]:
    """How a vendor may have named the icon of a code point."""
    if not package["chars"]:
        return candidates
    return [package["chars"][codepoint]] if codepoint in package["chars"] else []


def _icon(package: Mapping[str, Any], names: list[str], others: set[str]) -> str | None:
    """The first icon of these names as SVG; an alias counts unless it is another emoji's name."""
    icons = package["icons"]
    for name in names:
        alias = icons.get("aliases", {}).get(name, {})
        plain = set(alias) == {"parent"} and alias["parent"] not in others
        icon = icons["icons"].get(alias["parent"] if plain else name)
        if icon is not None:
            width, height = (icon.get(side, icons.get(side, 16)) for side in ("width", "height"))
            box = f"{icon.get('left', 0)} {icon.get('top', 0)} {width} {height}"
            return (
                '<svg xmlns="http://www.w3.org/2000/svg" '
                'xmlns:xlink="http://www.w3.org/1999/xlink" '
                f'width="{4 * SIDE}" height="{4 * SIDE}" viewBox="{box}">{icon["body"]}</svg>'
            )
    return None


def _raster(svg: str) -> Bytes:
    # only rendering needs it
    import resvg_py  # noqa: PLC0415

    png = resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True)
    drawing = Image.open(io.BytesIO(bytes(png))).convert("RGBA")
    paper = Image.new("RGBA", drawing.size, "white")
    flat = Image.alpha_composite(paper, drawing).convert("RGB")
    return np.array(flat.resize((SIDE, SIDE), Image.Resampling.LANCZOS))
