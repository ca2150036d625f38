"""Omniglot's official archives: find or download, check, read, and scale them to 28×28 pixels."""

import hashlib
import io
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np
import pooch
import requests
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image

Drawing: TypeAlias = NDArray[np.uint8]

SOURCE = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python"
VARIABLE = "LABKIT_DATA"
DRAWINGS = 20
"""Drawings of each character, each by another person."""
SIDE = 28
COMPACT = f"omniglot_{SIDE}x{SIDE}.npz"


@final
@dataclass(frozen=True, slots=True)
class Archive:
    """One official archive: its checksum, and the official numbers of its characters."""

    name: str
    md5: str
    first: int
    last: int


ARCHIVES = (
    Archive("images_background", "68d2efa1b9178cc56df9314c21c6e718", 1, 964),
    Archive("images_evaluation", "6b91aef0f799c5bb55b94e3f2daec811", 965, 1623),
)
"""The checksums are those that torchvision publishes for `torchvision.datasets.Omniglot`."""


def data_folder(folder: str | Path | None = None) -> Path:
    """Where data is kept: `folder`, else $LABKIT_DATA, else the user's cache folder."""
    chosen = folder or os.environ.get(VARIABLE) or pooch.os_cache("labkit")
    return Path(chosen).expanduser().absolute()


def read_characters(
    folder: str | Path | None = None, archives: tuple[Archive, ...] = ARCHIVES
) -> Drawing:
    """All drawings of all characters, by official number.

    The first of these in `folder`/omniglot is read: drawings scaled before; an archive as
    published, `images_background.zip`; the same repacked, `images_background.npz`, with bool
    `images` (characters, 20, 105, 105), True for white. What is missing is downloaded. The
    scaled drawings are kept there, if the folder can be written.

    Args:
        folder: Where data is kept; None: see `data_folder`.
        archives: What to read.

    Returns:
        uint8 (characters, 20, 28, 28), ink 255 on paper 0; row i is the official number i + 1.

    Raises:
        ValueError: A file is damaged or is not what its name says.
        FileNotFoundError: There is no file and it could not be downloaded.
    """
    place = _place(data_folder(folder), archives)
    compact = place / COMPACT
    expected = (archives[-1].last - archives[0].first + 1, DRAWINGS, SIDE, SIDE)
    if compact.exists():
        images: Drawing = _load(compact, np.uint8, expected)
        return images
    images = np.concatenate([_read_archive(place, archive) for archive in archives])
    with suppress(OSError):  # if the folder cannot be written, only the next start takes longer
        _keep(compact, images)
    return images


def _place(folder: Path, archives: tuple[Archive, ...]) -> Path:
    """The folder of the files: omniglot in the data folder, or that itself if they lie there."""
    here = (folder / f"{archive.name}{kind}" for archive in archives for kind in (".zip", ".npz"))
    return folder if any(file.exists() for file in here) else folder / "omniglot"


def read_drawings(path: Path) -> Iterator[tuple[int, int, Drawing]]:
    """Each drawing of an archive in the official layout alphabet/characterNN/XXXX_YY.png.

    Yields:
        Official number XXXX of the character, number YY of the drawing, both from 1, and the
        drawing, see `shrink`.
    """
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            match = re.search(r"/character\d+/(\d{4})_(\d\d)\.png$", name)
            if match:
                with Image.open(io.BytesIO(archive.read(name))) as image:
                    yield int(match[1]), int(match[2]), shrink(image)


def shrink(image: Image.Image) -> Drawing:
    """A black drawing on white paper at 28×28 pixels, uint8, inverted: ink 255, paper 0.

    By Pillow's Lanczos filter on grey levels. The paper's released code asks for the same filter,
    but on files of 1 bit per pixel, for which Pillow takes the nearest pixel whatever is asked:
    its drawings were black and white, with broken lines.
    """
    grey = image.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return 255 - np.asarray(grey)


def _read_archive(place: Path, archive: Archive) -> Drawing:
    zipped, repacked = place / f"{archive.name}.zip", place / f"{archive.name}.npz"
    count = archive.last - archive.first + 1
    if repacked.exists() and not zipped.exists():
        full = _load(repacked, np.bool_, (count, DRAWINGS, 105, 105))
        return np.stack([[shrink(Image.fromarray(one)) for one in each] for each in full])
    if not zipped.exists():
        _download(place, archive)
    md5 = hashlib.md5(zipped.read_bytes(), usedforsecurity=False).hexdigest()
    if md5 != archive.md5:
        raise ValueError(
            f"{zipped} is damaged, or another file: its MD5 is {md5}, that of the official "
            f"archive {archive.md5}. Delete it; it will be downloaded again"
        )
    images = np.zeros((count, DRAWINGS, SIDE, SIDE), np.uint8)
    seen = np.zeros((count, DRAWINGS), bool)
    for number, drawing, image in read_drawings(zipped):
        images[number - archive.first, drawing - 1] = image
        seen[number - archive.first, drawing - 1] = True
    if not seen.all():
        raise ValueError(f"{zipped} lacks {int((~seen).sum())} of {seen.size} drawings")
    return images


def _download(place: Path, archive: Archive) -> None:
    file = f"{archive.name}.zip"
    part = place / f"{file}.part"
    is_new = not place.exists()
    try:
        place.mkdir(parents=True, exist_ok=True)
        # of runs that start at the same time one downloads, and the others wait
        with FileLock(place / ".download.lock"):
            if (place / file).exists():
                return
            begun = part.exists()
            try:
                _retrieve(place, archive, part)
            except (ValueError, requests.HTTPError):
                if not begun:
                    raise
                # the part belongs to another file, or the server does not resume downloads
                part.unlink(missing_ok=True)
                _retrieve(place, archive, part)
    except (OSError, ValueError) as error:
        if is_new:  # it holds nothing but the lock
            (place / ".download.lock").unlink(missing_ok=True)
            with suppress(OSError):
                place.rmdir()
        both = " and ".join(f"{each.name}.zip" for each in ARCHIVES)
        raise FileNotFoundError(
            f"Omniglot is not in {place} and could not be downloaded. Put {both} from {SOURCE} "
            "there, or name the folder in which omniglot/ holds them as the argument `folder` or "
            f"in the environment variable {VARIABLE}. The download of {file} ended with "
            f"{type(error).__name__}: {error}"
        ) from error


def _retrieve(place: Path, archive: Archive, part: Path) -> None:
    """Download an archive, from where an earlier download was cut off."""

    def resume(url: str, output: str, caller: object) -> None:
        done = part.stat().st_size if part.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
        try:
            with part.open("ab") as stream:
                pooch.HTTPDownloader(progressbar=True, headers=headers)(url, stream, caller)
        finally:
            if not part.stat().st_size:
                part.unlink()
        part.replace(output)

    file = f"{archive.name}.zip"
    md5 = f"md5:{archive.md5}"
    pooch.retrieve(f"{SOURCE}/{file}", md5, fname=file, path=place, downloader=resume)


def _load(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
    """The array `images` of an .npz file."""
    try:
        with path.open("rb") as stream, np.load(stream) as file:
            images: NDArray[Any] = file["images"]
    # TypeError: one array, of which numpy makes no archive
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        TypeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise ValueError(f"{path} is damaged: {error}. Delete it; it will be recreated") from error
    if images.dtype != dtype or images.shape != shape:
        raise ValueError(
            f"{path} must hold images of {np.dtype(dtype)}, {shape}, and has {images.dtype}, "
            f"{images.shape}. Delete it; it will be recreated"
        )
    return images


def _keep(path: Path, images: Drawing) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            np.savez_compressed(stream, images=images)
        # a concurrent reader sees the whole file or none
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
