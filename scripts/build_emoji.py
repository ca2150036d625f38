"""Build labkit/data/emoji/emoji.npz from the drawings of six sets of emoji.

pip install numpy pillow resvg-py               # and npm
python -m scripts.build_emoji                   # from the npm packages
python -m scripts.build_emoji --from drawings.npz   # from what --save-drawings wrote before
"""

import argparse
import hashlib
import io
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.emoji_drawings import VENDORS_PER_CLASS, Bytes, Drawings, Flags, read_packages, render

LEVELS = 63
"""Brightest value of a channel in the file: 6 bits."""
SAME = 0.02
"""Drawings whose root mean square difference is below this, of 1, are one drawing."""
ALIKE = 0.06
"""Classes with drawings closer than this go to the same split."""
SHARES = {"test": 0.15, "validation": 0.15}
"""Share of the classes; the rest is for training."""
LARGE = 0.03
"""Groups with more than this share of the classes are for training."""
SPLITS = ("train", "validation", "test")


def without_duplicates(drawings: Drawings) -> Drawings:
    """Drop repeated drawings, then classes that have too few left.

    Of two vendors with the same drawing of a class, the later one's goes. A drawing that stands
    for two classes says nothing about either, and goes from both.
    """
    present = drawings.present.copy()
    blank = (drawings.images == 255).all((2, 3, 4))
    present[blank] = False
    for (row, column), (other_row, other_column) in _pairs(drawings, present, SAME):
        if row == other_row:
            present[row, max(column, other_column)] = False
        else:
            present[row, column] = present[other_row, other_column] = False
    images = np.where(present[:, :, None, None, None], drawings.images, 255).astype(np.uint8)
    left = Drawings(images, present, drawings.codepoints, drawings.names, drawings.vendors)
    return left.kept(np.flatnonzero(present.sum(1) >= VENDORS_PER_CLASS))


def groups(drawings: Drawings) -> list[list[int]]:
    """Classes that must not be split, smallest code point first.

    Two classes belong together if their code points start alike, if their names share the first
    or the last word (cow and cow-face, right-arrow and up-arrow; clock faces, which end on the
    hour or the half hour, count as one word), or if drawings of them are alike.
    """
    owner = list(range(len(drawings.names)))

    def root(i: int) -> int:
        while owner[i] != i:
            owner[i] = owner[owner[i]]
            i = owner[i]
        return i

    shared: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, (name, codepoint) in enumerate(zip(drawings.names, drawings.codepoints, strict=True)):
        words = name.replace("-oclock", "-thirty").split("-")
        for key in (
            ("code point", codepoint.split("-")[0]),
            ("first word", words[0]),
            ("last word", words[-1]),
        ):
            shared[key].append(i)
    for members in shared.values():
        for i in members[1:]:
            owner[root(i)] = root(members[0])
    for (i, _), (j, _) in _pairs(drawings, drawings.present, ALIKE):
        owner[root(i)] = root(j)
    clusters: dict[int, list[int]] = defaultdict(list)
    for i in range(len(owner)):
        clusters[root(i)].append(i)
    return list(clusters.values())


def split(drawings: Drawings) -> Bytes:
    """0, 1 or 2 for training, validation or test, for each class; whole groups at a time.

    Large groups train. The others come in the order of the SHA-256 of their smallest code point
    and fill the test classes, then the validation classes, then the training classes.
    """
    count = len(drawings.names)
    result = np.zeros(count, np.uint8)

    def order(group: list[int]) -> str:
        return hashlib.sha256(min(drawings.codepoints[i] for i in group).encode()).hexdigest()

    small = sorted((g for g in groups(drawings) if len(g) <= LARGE * count), key=order)
    waiting = iter(small)
    for name, share in SHARES.items():
        while (result == SPLITS.index(name)).sum() < share * count:
            group = next(waiting, None)
            if group is None:
                raise SystemExit(f"too few classes outside of large groups for the split {name}")
            result[group] = SPLITS.index(name)
    return result


def _pairs(
    drawings: Drawings, present: Flags, limit: float
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Pairs (class, vendor) of drawings that differ by less than `limit` (root mean square)."""
    where = np.argwhere(present)
    x = drawings.images[present].reshape(len(where), -1).astype(np.float32) / 255
    squares = (x**2).sum(1)
    for first in range(0, len(x), 256):
        block = slice(first, first + 256)
        distance = squares[block, None] + squares - 2 * (x[block] @ x.T)
        for row, j in np.argwhere(distance < limit**2 * x.shape[1]):
            i = first + row
            if i < j:
                yield (int(where[i, 0]), int(where[i, 1])), (int(where[j, 0]), int(where[j, 1]))


def write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """An .npz whose bytes depend only on the arrays (and on the version of zlib)."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, buffer.getvalue(), zipfile.ZIP_DEFLATED, 9)


def packed(drawings: Drawings) -> dict[str, NDArray[Any]]:
    """What the file holds: drawings one vendor after another, and what they are of."""
    vendor, row = np.nonzero(drawings.present.T)
    levels = (drawings.images[row, vendor].astype(np.uint16) * LEVELS + 127) // 255
    return {
        "drawings": levels.astype(np.uint8),
        "present": drawings.present,
        "split": split(drawings),
        "codepoints": np.array(drawings.codepoints),
        "names": np.array(drawings.names),
        "vendors": np.array(drawings.vendors),
    }


def main() -> None:
    """Read the arguments, build the file, say what is in it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--from", dest="source", type=Path, help="drawings rendered before")
    parser.add_argument("--packages", type=Path, help="folder with the archives of the packages")
    parser.add_argument("--save-drawings", type=Path, help="where to keep the rendered drawings")
    parser.add_argument(
        "--to",
        type=Path,
        default=Path(__file__).parents[1] / "labkit/data/emoji/emoji.npz",
        help="the file to write",
    )
    arguments = parser.parse_args()
    if arguments.source:
        with np.load(arguments.source) as file:
            drawings = Drawings(
                file["images"],
                file["present"],
                *(tuple(map(str, file[key])) for key in ("codepoints", "names", "sets")),
            )
    else:
        with tempfile.TemporaryDirectory() as scratch:
            drawings = render(read_packages(arguments.packages or Path(scratch)))
    if arguments.save_drawings:
        write(
            arguments.save_drawings,
            {
                "images": drawings.images,
                "present": drawings.present,
                "codepoints": np.array(drawings.codepoints),
                "names": np.array(drawings.names),
                "sets": np.array(drawings.vendors),
            },
        )
    kept = without_duplicates(drawings)
    arrays = packed(kept)
    write(arguments.to, arrays)
    gone = sorted(set(drawings.names) - set(kept.names))
    counts = np.bincount(arrays["split"], minlength=3).tolist()
    print(f"{len(drawings.names)} emoji with {drawings.present.sum()} drawings; left out: {gone}")
    shares = ", ".join(f"{count} for {name}" for count, name in zip(counts, SPLITS, strict=True))
    print(f"{len(kept.names)} classes with {kept.present.sum()} drawings: {shares}")
    print(f"{arguments.to}: {arguments.to.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
