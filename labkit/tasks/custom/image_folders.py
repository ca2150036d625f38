"""Few-shot classification from a folder that has a folder of images for each class."""

from pathlib import Path

import torch

from labkit.core import check_count
from labkit.tasks.augmentation import Augment
from labkit.tasks.custom.groups import Splits
from labkit.tasks.custom.image_files import ImageFiles, image_files
from labkit.tasks.custom.labelled_tasks import LabelledTasks
from labkit.tasks.custom.normalisation import Normalize
from labkit.tasks.family import Split


def image_folder(
    path: str | Path,
    *,
    ways: int = 5,
    shots: int | tuple[int, int] = 1,
    queries: int = 1,
    size: int | None = 28,
    grey: bool = False,
    split: Split = "train",
    split_seed: int = 0,
    splits: Splits | None = None,
    lazy: bool = False,
    normalize: Normalize | None = None,
    augment: Augment | None = None,
) -> LabelledTasks:
    """Make few-shot tasks from image files in one folder per class.

    For example path/cat/01.png, path/cat/02.jpg and path/dog/a.png. Each folder in `path` is a
    class with the folder's name, and holds the images directly. Hidden files and folders, and files
    without an image suffix (bmp, gif, jpg, pgm, png, ppm, tif, webp), are ignored. Images are
    rotated as their EXIF orientation says, on white where they are transparent, stretched to a
    square.

    All images are read immediately, once, and kept in memory; or, with `lazy`, only those of the
    tasks that are drawn, each time again: for folders larger than memory. Both give the same tasks.

    Args:
        path: The folder of class folders.
        ways: N ≥ 1, classes per task.
        shots: K ≥ 1, support images per class; or the least and the most, such as (1, 10).
        queries: Query images per class, ≥ 1.
        size: Height and width in pixels, ≥ 1; None keeps those of the files, which must be equal.
        grey: One channel of brightness rather than three of colour.
        split: "train", "validation" or "test", which share no class.
        split_seed: ≥ 0, decides which classes are in which split.
        splits: The names of the class folders of each split, as for `LabelledTasks`.
        lazy: Decode images when they are drawn. A file that cannot be read is then an error only
            when it is drawn.
        normalize: As for `LabelledTasks`; with `lazy`, "train" reads all training images once.
        augment: As for `LabelledTasks`.

    Returns:
        `LabelledTasks` of points (channels, height, width), in the order of the sorted paths.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: It has no class folders, one of them has no images, a file cannot be read, or
            sizes differ and `size` is None; or as for `LabelledTasks`.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from PIL import Image
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
    if not isinstance(lazy, bool):
        raise ValueError(f"lazy must be True or False, got {lazy!r}")
    files = image_files(Path(path).expanduser())
    labels = [file.parent.name for file in files]
    images = ImageFiles(tuple(files), size, grey)
    x = images if lazy else images.read(torch.arange(len(files)))
    return LabelledTasks(
        x,
        labels,
        ways,
        shots,
        queries,
        split,
        split_seed,
        splits,
        normalize=normalize,
        augment=augment,
    )
