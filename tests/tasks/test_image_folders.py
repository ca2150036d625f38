"""Tasks from folders of image files: which files count, how they are read, what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from labkit import MAML, LabelledTasks, MetaLearner, image_folder, image_mlp

CLASSES = 10


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def points(family: LabelledTasks) -> Tensor:
    assert isinstance(family.x, Tensor)
    return family.x


def colour(number: int, example: int) -> tuple[int, int, int]:
    return (20 * number, 60 * example, 100)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten classes of three images of one colour each, which tells who they are."""
    for number in range(CLASSES):
        place = tmp_path / "photos" / f"class {number}"
        place.mkdir(parents=True)
        for example in range(3):
            suffix = ("png", "BMP", "tif")[example]
            Image.new("RGB", (9, 9), colour(number, example)).save(place / f"{example}.{suffix}")
    return tmp_path / "photos"


def test_each_point_is_a_file_of_its_class(folder: Path) -> None:
    family = image_folder(folder, ways=2, size=None, queries=2)
    batch = family.sample(100, generator())
    assert batch.support[0].shape == (100, 2, 3, 9, 9)
    for x, y in (batch.support, batch.query):
        pixels = (x * 255).round().long()
        assert (pixels == pixels[..., :1, :1]).all()
        red, green, blue = pixels[..., 0, 0].unbind(-1)
        names = torch.tensor([int(name.removeprefix("class ")) for name in family.names])
        assert torch.equal(red // 20, names[batch.info["classes"].gather(1, y)])
        assert set((green // 60).flatten().tolist()) == {0, 1, 2}
        assert (blue == 100).all()


def test_what_is_hidden_or_no_image_does_not_count(folder: Path) -> None:
    before = points(image_folder(folder, ways=2))
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / "README.md").write_text("about")
    for name in (".DS_Store", "._0.png", "notes.txt", "README"):
        (folder / "class 3" / name).write_bytes(b"\0")
    (folder / "class 3" / "deeper").mkdir()
    assert torch.equal(points(image_folder(str(folder), ways=2)), before)


def one(folder: Path, image: Image.Image, file: str = "3.png", **options: Any) -> Tensor:
    """An image as it is read, from among others of its size; the last of the class 'class 9'."""
    image.save(folder / "class 9" / file)
    return points(image_folder(folder, ways=1, **options))[-1]


def test_grey_size_and_colour(folder: Path) -> None:
    assert image_folder(folder, ways=1).x.shape == (30, 3, 28, 28)
    assert image_folder(folder, ways=1, size=16, grey=True).x.shape == (30, 1, 16, 16)
    tall = Image.new("RGB", (4, 8), (10, 20, 30))
    read = one(folder, tall, size=5)
    assert read.dtype == torch.uint8
    assert torch.equal(read, torch.tensor([10, 20, 30]).byte()[:, None, None].expand(3, 5, 5))
    # 0.299 R + 0.587 G + 0.114 B
    assert int(one(folder, tall, size=5, grey=True)[0, 0, 0]) == pytest.approx(18, abs=1)


def test_rows_are_the_height(folder: Path) -> None:
    pixels = np.zeros((9, 9, 3), np.uint8)
    pixels[2, 7] = (1, 2, 3)
    read = one(folder, Image.fromarray(pixels), size=None)
    assert torch.equal(read, torch.from_numpy(pixels).movedim(-1, 0))


def test_transparent_is_white_and_palettes_are_colours(folder: Path) -> None:
    clear = Image.new("RGBA", (9, 9), (200, 0, 0, 0))
    assert (one(folder, clear) == 255).all()
    palette = Image.new("RGB", (9, 9), (0, 255, 0)).convert("P")
    assert one(folder, palette)[:, 0, 0].tolist() == [0, 255, 0]
    assert one(folder, Image.new("1", (9, 9), 1))[:, 0, 0].tolist() == [255] * 3


def test_turned_upright_as_the_camera_says(folder: Path) -> None:
    pixels = np.zeros((9, 9, 3), np.uint8)
    pixels[0] = 255  # the first row is white
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = 6  # taken with the camera turned: rotate by 90 degrees clockwise
    image.save(folder / "class 9" / "3.png", exif=exif)
    read = points(image_folder(folder, ways=1, size=None))[-1, 0]
    assert (read[:, -1] == 255).all()
    assert (read[:, :-1] == 0).all()


def test_sizes_that_differ(folder: Path) -> None:
    image = Image.new("RGB", (12, 7))
    with pytest.raises(ValueError, match=r"0\.png has 9×9 pixels, .*3\.png has 12×7; pass size="):
        one(folder, image, size=None)
    assert one(folder, image).shape == (3, 28, 28)


@pytest.mark.parametrize("damage", ["text", "cut", "empty"])
def test_a_damaged_file(folder: Path, damage: str) -> None:
    file = folder / "class 4" / "0.png"
    whole = file.read_bytes()
    file.write_bytes({"text": b"no image", "cut": whole[: len(whole) // 2], "empty": b""}[damage])
    with pytest.raises(
        ValueError, match=r"class 4.0\.png cannot be read as an image .*repair or remove it"
    ):
        image_folder(folder, ways=1)


def test_more_than_8_bits(folder: Path) -> None:
    image = Image.fromarray(np.full((9, 9), 1000, np.uint16))
    with pytest.raises(ValueError, match=r"3\.png has more than 8 bits per channel \(mode I;16\)"):
        one(folder, image)


def test_bad_folders(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere does not exist: path must be a folder"):
        image_folder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"0\.png is a file: path must be a folder"):
        image_folder(folder / "class 0" / "0.png")
    with pytest.raises(ValueError, match="class 0 has no folders in it"):
        image_folder(folder / "class 0")
    with pytest.raises(ValueError, match=r"photos has no images .*the folder that holds"):
        image_folder(tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 0}, "size must be a whole number ≥ 1, got 0"),
        ({"ways": 3}, "ways=3, but the 10 classes are divided into 6 .* take ways ≤ 2"),
        ({"shots": 2, "queries": 2}, "class 'class 0' has 3 examples .*too few"),
        ({"split": "all"}, "split must be one of"),
    ],
)
def test_bad_options(folder: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        image_folder(folder, **{"ways": 2, **options})


def test_training_runs(folder: Path) -> None:
    family = image_folder(folder, ways=2, queries=2, size=8, grey=True)

    def model(generator: torch.Generator) -> torch.nn.Module:
        return image_mlp(generator, ways=2, inputs=64)

    learner = MetaLearner(model, family, MAML(0.1), meta_batch=2, batch_norm="transductive")
    assert learner.train(2)[-1].loss_after > 0
    curve = learner.adaptation_curve(2, tasks=10, family=family.on("test"))
    assert curve.mean.isfinite().all()


def test_a_class_folder_that_is_a_link_to_another(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        Image.new("L", (2, 2)).save(tmp_path / name / "1.png")
    (tmp_path / "d").symlink_to(tmp_path / "a")
    with pytest.raises(ValueError, match=r"two folders in .* are the same through a link"):
        image_folder(tmp_path, ways=1)
