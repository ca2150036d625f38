"""Few-shot classification from a folder that has a folder of images for each class."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from labkit.core import check_count
from labkit.tasks.custom.groups import Splits
from labkit.tasks.custom.labelled_tasks import LabelledTasks
from labkit.tasks.family import Split

IMAGE_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)


def image_folder(
    path: str | Path,
    *,
    ways: int = 5,
    shots: int = 1,
    queries: int = 1,
    size: int | None = 28,
    grey: bool = False,
    split: Split = "train",
    split_seed: int = 0,
    splits: Splits | None = None,
) -> LabelledTasks:
    """Make few-shot tasks from image files in one folder per class.

    For example path/cat/01.png, path/cat/02.jpg and path/dog/a.png. Each folder in `path` is a
    class with the folder's name, and holds the images directly. Hidden files and folders, and files
    without an image suffix (bmp, gif, jpg, pgm, png, ppm, tif, webp), are ignored. All images are
    read immediately, once, and kept in memory: rotated as their EXIF orientation says, on white
    where they are transparent, stretched to a square.

    Args:
        path: The folder of class folders.
        ways: N ≥ 1, classes per task.
        shots: K ≥ 1, support images per class.
        queries: Query images per class, ≥ 1.
        size: Height and width in pixels, ≥ 1; None keeps those of the files, which must be equal.
        grey: One channel of brightness rather than three of colour.
        split: "train", "validation" or "test", which share no class.
        split_seed: ≥ 0, decides which classes are in which split.
        splits: The names of the class folders of each split, as for `LabelledTasks`.

    Returns:
        `LabelledTasks` of points (channels, height, width), in the order of the sorted paths.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: It has no class folders, one of them has no images, a file cannot be read, or
            sizes differ and `size` is None; or as for `LabelledTasks`.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as place:
        ...     for name in ("cat", "dog", "owl"):
        ...         (Path(place) / name).mkdir()
        ...         for file in ("one.png", "two.jpg"):
        ...             Image.new("RGB", (90, 60)).save(Path(place) / name / file)
        ...     family = image_folder(place, ways=1, size=64)
        >>> family.sample(8, torch.Generator().manual_seed(0)).support[0].shape
        torch.Size([8, 1, 3, 64, 64])
    """
    if size is not None:
        check_count("size", size, 1)
    files = _image_files(Path(path).expanduser())
    images = [_read(file, size, grey) for file in files]
    for file, image in zip(files, images, strict=True):
        if image.shape != images[0].shape:
            raise ValueError(
                f"images differ in size: {files[0]} has {_size(images[0])} pixels, {file} has "
                f"{_size(image)}; pass size=, such as size=28, to bring all to one"
            )
    labels = [file.parent.name for file in files]
    x = torch.stack(images)
    return LabelledTasks(x, labels, ways, shots, queries, split, split_seed, splits)


def _image_files(path: Path) -> list[Path]:
    if not path.is_dir():
        what = "is a file" if path.exists() else "does not exist"
        raise FileNotFoundError(
            f"{path} {what}: path must be a folder that has a folder of images for each class"
        )
    folders = sorted(f for f in path.iterdir() if f.is_dir() and not f.name.startswith("."))
    if not folders:
        raise ValueError(
            f"{path} has no folders in it: put the images of each class into a separate folder, "
            f"{path.name}/cat/01.png, {path.name}/dog/01.png, …"
        )
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ValueError(
            f"two folders in {path} are the same through a link: each class needs its own, or "
            "the same images are in training and in the test"
        )
    files = []
    for folder in folders:
        images = [
            file
            for file in folder.iterdir()
            if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")
        ]
        if not images:
            raise ValueError(
                f"{folder} has no images ({', '.join(sorted(IMAGE_SUFFIXES))}): remove it, or "
                "pass the folder that holds the class folders"
            )
        files += sorted(images)
    return files


def _read(file: Path, size: int | None, grey: bool) -> Tensor:
    """One image, uint8, (channels, height, width)."""
    try:
        with Image.open(file) as opened:
            mode = opened.mode
            image = ImageOps.exif_transpose(opened).convert("RGBA")
    # Pillow's plugins raise all of these for files that are damaged
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"{file} cannot be read as an image ({error}): repair or remove it"
        ) from error
    if mode.startswith(("I", "F")):  # Pillow would clip these at 255
        raise ValueError(f"{file} has more than 8 bits per channel (mode {mode}): save it with 8")
    white = Image.new("RGBA", image.size, "white")
    image = Image.alpha_composite(white, image).convert("L" if grey else "RGB")
    if size is not None:
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.array(image))  # (height, width) or (height, width, 3)
    return pixels[None] if grey else pixels.movedim(-1, 0).contiguous()


def _size(image: Tensor) -> str:
    return f"{image.shape[-1]}×{image.shape[-2]}"
