"""Image files: which files of a folder are images, and how each is read."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

IMAGE_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)


@final
@dataclass(frozen=True, slots=True, eq=False)
class ImageFiles:
    """Images that are decoded when they are drawn; what a tensor of all of them would hold.

    Args:
        files: Their paths, ≥ 1.
        size: Height and width in pixels; None keeps those of the files, which must be equal.
        grey: One channel of brightness rather than three of colour.

    Attributes:
        shape: (files, channels, height, width).

    Raises:
        ValueError: The first file cannot be read; later, that one that is drawn cannot be.
    """

    files: tuple[Path, ...] = field(repr=False)
    size: int | None
    grey: bool
    shape: tuple[int, int, int, int] = field(init=False)

    def __post_init__(self) -> None:
        channels, height, width = read_image(self.files[0], self.size, self.grey).shape
        object.__setattr__(self, "shape", (len(self.files), channels, height, width))

    def __len__(self) -> int:
        """The number of files."""
        return len(self.files)

    def read(self, numbers: Tensor) -> Tensor:
        """Decode some images, each once, uint8, (numbers, channels, height, width).

        Args:
            numbers: Places of their files, (numbers,), in any order and with repetitions.

        Raises:
            ValueError: A file cannot be read or has another size; the message names it.
        """
        different, place = torch.unique(numbers.cpu(), return_inverse=True)
        images = torch.empty((len(different), *self.shape[1:]), dtype=torch.uint8)
        for image, number in zip(images, different.tolist(), strict=True):
            pixels = read_image(self.files[number], self.size, self.grey)
            if pixels.shape != image.shape:
                raise ValueError(
                    f"images differ in size: {self.files[0]} has {_size(image)} pixels, "
                    f"{self.files[number]} has {_size(pixels)}; pass size=, such as size=28, to "
                    "bring all to one"
                )
            image.copy_(pixels)
        return images[place]


def image_files(path: Path) -> list[Path]:
    """The image files in the folders of a folder, sorted.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: It has no folders, one has no images, or two are the same.
    """
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


def read_image(file: Path, size: int | None, grey: bool) -> Tensor:
    """One image, uint8, (channels, height, width).

    Raises:
        ValueError: It cannot be read, or has more than 8 bits per channel.
    """
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
