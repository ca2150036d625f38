"""Omniglot: its splits, its files in every state they may be found in, and tasks from it."""

import hashlib
import io
import os
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from labkit import Omniglot
from labkit.tasks.images import omniglot_files
from labkit.tasks.images.omniglot import character_names, split_ids
from labkit.tasks.images.omniglot_files import (
    ARCHIVES,
    COMPACT,
    Archive,
    data_folder,
    read_characters,
    read_drawings,
    shrink,
)

SPLITS = ("train", "validation", "test", "background", "evaluation")


@pytest.fixture
def shared() -> Path:
    """The folder of real data, where there is one."""
    folder = os.environ.get("LABKIT_DATA", "")
    if not folder or not (Path(folder) / "omniglot").is_dir():
        pytest.skip("the environment variable LABKIT_DATA names no folder with omniglot/")
    return Path(folder)


def picture(number: int, drawing: int) -> Image.Image:
    """A black line on white, another for each drawing, 1 bit per pixel as in the archives."""
    image = Image.new("1", (105, 105), 1)
    ImageDraw.Draw(image).line([(5 + 4 * drawing, 10), (90, 20 + 10 * number)], 0, 3)
    return image


def archived(folder: Path, name: str, first: int, last: int) -> Archive:
    """An archive in the official layout."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/", "")
        for number in range(first, last + 1):
            for drawing in range(1, 21):
                buffer = io.BytesIO()
                picture(number, drawing).save(buffer, "PNG")
                place = f"{name}/Alphabet/character{number:02d}/{number:04d}_{drawing:02d}.png"
                archive.writestr(place, buffer.getvalue())
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    return Archive(name, md5, first, last)


@pytest.fixture
def archives(tmp_path: Path) -> tuple[Archive, ...]:
    place = tmp_path / "omniglot"
    return archived(place, "images_one", 1, 2), archived(place, "images_two", 3, 3)


def expected() -> Any:
    return np.stack([[shrink(picture(n, d)) for d in range(1, 21)] for n in (1, 2, 3)])


def test_splits_share_no_character() -> None:
    ids = {split: set(split_ids(split)) for split in SPLITS}  # type: ignore[arg-type]
    assert [len(ids[split]) for split in SPLITS] == [1028, 172, 423, 964, 659]
    everyone = set(range(1, 1624))
    assert ids["train"] | ids["validation"] | ids["test"] == everyone
    assert ids["background"] | ids["evaluation"] == everyone
    names = character_names()
    assert len(set(names.values())) == 1623
    alphabets = {s: {names[i].split("/")[0] for i in ids[s]} for s in SPLITS}
    assert len(alphabets["background"]) == 30
    assert len(alphabets["evaluation"]) == 20
    assert not alphabets["background"] & alphabets["evaluation"]
    assert alphabets["train"] & alphabets["test"] == {"Gurmukhi"}
    assert not alphabets["validation"] & (alphabets["train"] | alphabets["test"])


def test_ink_is_bright_and_scaled_down_evenly() -> None:
    image = Image.new("1", (105, 105), 1)
    ImageDraw.Draw(image).rectangle([0, 0, 52, 104], 0)  # the left half is black
    small = shrink(image)
    assert small.dtype == np.uint8
    assert small.shape == (28, 28)
    assert (small[:, :11] == 255).all()
    assert (small[:, 17:] == 0).all()
    assert small.astype(float).mean() == pytest.approx(255 * 53 / 105, abs=1)
    # grey levels on the lines, not the nearest pixel
    assert len(np.unique(shrink(picture(1, 1)))) > 10


def test_archives_are_read_once_and_kept_small(
    tmp_path: Path, archives: tuple[Archive, ...]
) -> None:
    images = read_characters(tmp_path, archives)
    assert np.array_equal(images, expected())
    place = tmp_path / "omniglot"
    assert sorted(p.name for p in place.iterdir()) == ["images_one.zip", "images_two.zip", COMPACT]
    for archive in archives:
        (place / f"{archive.name}.zip").unlink()
    assert np.array_equal(read_characters(tmp_path, archives), expected())


def test_repacked_archives_give_the_same(tmp_path: Path, archives: tuple[Archive, ...]) -> None:
    place = tmp_path / "omniglot"
    full = [np.asarray(picture(3, drawing)) for drawing in range(1, 21)]
    np.savez(place / "images_two.npz", images=np.array([full]))
    (place / "images_two.zip").unlink()
    assert np.array_equal(read_characters(tmp_path, archives), expected())


def test_a_folder_that_cannot_be_written_serves(
    tmp_path: Path, archives: tuple[Archive, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr(np, "savez_compressed", refuse)
    assert np.array_equal(read_characters(tmp_path, archives), expected())
    names = sorted(p.name for p in (tmp_path / "omniglot").iterdir())
    assert names == ["images_one.zip", "images_two.zip"]


def test_a_truncated_archive(tmp_path: Path, archives: tuple[Archive, ...]) -> None:
    path = tmp_path / "omniglot" / "images_two.zip"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=rf"images_two.zip is damaged.*{archives[1].md5}.*Delete"):
        read_characters(tmp_path, archives)
    assert not (tmp_path / "omniglot" / COMPACT).exists()


def test_an_archive_that_lacks_drawings(tmp_path: Path, archives: tuple[Archive, ...]) -> None:
    longer = Archive(archives[1].name, archives[1].md5, 3, 4)
    with pytest.raises(ValueError, match=r"images_two.zip lacks 20 of 40 drawings"):
        read_characters(tmp_path, (archives[0], longer))


@pytest.mark.parametrize("damage", ["short", "other"])
def test_damaged_drawings_kept_small(
    tmp_path: Path, archives: tuple[Archive, ...], damage: str
) -> None:
    read_characters(tmp_path, archives)
    path = tmp_path / "omniglot" / COMPACT
    if damage == "short":
        path.write_bytes(path.read_bytes()[:-1000])
    else:
        np.savez(path, images=np.zeros((2, 20, 28, 28), np.uint8))
    with pytest.raises(ValueError, match=rf"{COMPACT} (is damaged|must hold images).*Delete it"):
        read_characters(tmp_path, archives)


def test_offline_and_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def offline(url: str, known_hash: str, **_: object) -> None:
        asked.append(f"{url} {known_hash}")
        raise ConnectionError("no route to host")

    monkeypatch.setattr("pooch.retrieve", offline)
    with pytest.raises(FileNotFoundError) as error:
        Omniglot(folder=str(tmp_path))
    said = str(error.value)
    place = str(tmp_path / "omniglot")
    for word in ("images_background.zip", "images_evaluation.zip", place, "LABKIT_DATA"):
        assert word in said
    assert asked == [
        f"{omniglot_files.SOURCE}/images_background.zip md5:68d2efa1b9178cc56df9314c21c6e718"
    ]


class Server(SimpleHTTPRequestHandler):
    """Files of a folder; as the official server does, parts of them; or, cut off, half of them."""

    ranges, cut = True, False
    sent: ClassVar[list[tuple[str, int]]] = []
    """Range that was asked for, and bytes that were sent."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        whole = Path(self.translate_path(self.path)).read_bytes()
        asked = self.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.ranges else 0
        if start and start >= len(whole):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(whole) - start))
        self.end_headers()
        body = whole[start : len(whole) // 2 if self.cut else None]
        self.sent.append((asked, len(body)))
        self.wfile.write(body)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose files a server on this machine offers in the place of the official one."""
    offered = tmp_path / "offered"
    offered.mkdir()
    with HTTPServer(("127.0.0.1", 0), partial(Server, directory=str(offered))) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(omniglot_files, "SOURCE", f"http://127.0.0.1:{web.server_port}")
        yield offered
        web.shutdown()
        thread.join()


def test_files_in_the_folder_itself_serve(tmp_path: Path, archives: tuple[Archive, ...]) -> None:
    named = tmp_path / "omniglot"
    assert np.array_equal(read_characters(named, archives), expected())
    assert not (named / "omniglot").exists()


def test_what_is_missing_is_downloaded(tmp_path: Path, server: Path) -> None:
    archives = (archived(server, "images_one", 1, 2), archived(server, "images_two", 3, 3))
    assert np.array_equal(read_characters(tmp_path / "new", archives), expected())
    names = sorted(p.name for p in (tmp_path / "new/omniglot").iterdir())
    assert names == [".download.lock", "images_one.zip", "images_two.zip", COMPACT]


def test_a_download_that_is_not_the_archive(tmp_path: Path, server: Path) -> None:
    archives = (archived(server, "images_one", 1, 2),)
    (server / "images_one.zip").write_bytes(b"<html>not today</html>")
    with pytest.raises(FileNotFoundError, match="ended with ValueError: MD5 hash"):
        read_characters(tmp_path / "new", archives)
    assert not (tmp_path / "new/omniglot").exists()


@pytest.mark.parametrize(
    ("ranges", "begun", "requests"),
    [
        (True, 100, ["bytes=100-"]),
        (False, 100, ["bytes=100-", ""]),  # sends all, which does not continue a part
        (True, 10**6, [""]),  # too long: there is nothing to continue
    ],
)
def test_a_download_goes_on_where_it_was_cut_off(
    tmp_path: Path,
    server: Path,
    monkeypatch: pytest.MonkeyPatch,
    ranges: bool,
    begun: int,
    requests: list[str],
) -> None:
    archives = (archived(server, "images_one", 1, 2),)
    whole = (server / "images_one.zip").read_bytes()
    place = tmp_path / "new" / "omniglot"
    place.mkdir(parents=True)
    part = place / "images_one.zip.part"
    part.write_bytes(whole[:begun].ljust(begun, b"?"))
    monkeypatch.setattr(Server, "ranges", ranges)
    monkeypatch.setattr(Server, "sent", [])
    assert np.array_equal(read_characters(tmp_path / "new", archives), expected()[:2])
    assert [asked for asked, _ in Server.sent] == requests
    if requests == ["bytes=100-"]:
        assert Server.sent[0][1] == len(whole) - begun
    assert not part.exists()


def test_what_came_before_the_connection_broke_is_kept(
    tmp_path: Path, server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archives = (archived(server, "images_one", 1, 2),)
    half = len((server / "images_one.zip").read_bytes()) // 2
    monkeypatch.setattr(Server, "cut", True)
    with pytest.raises(FileNotFoundError, match="could not be downloaded"):
        read_characters(tmp_path / "new", archives)
    kept = (tmp_path / "new/omniglot/images_one.zip.part").stat().st_size
    assert half - 1024 < kept <= half  # all but the last block that was not full
    monkeypatch.setattr(Server, "cut", False)
    monkeypatch.setattr(Server, "sent", [])
    assert np.array_equal(read_characters(tmp_path / "new", archives), expected()[:2])
    assert [asked for asked, _ in Server.sent] == [f"bytes={kept}-"]


def test_where_data_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "env"))
    assert data_folder(tmp_path / "argument") == tmp_path / "argument"
    assert data_folder() == tmp_path / "env"
    monkeypatch.delenv("LABKIT_DATA")
    assert data_folder().name == "labkit"
    assert data_folder().is_absolute()


def test_official_layout_and_numbers(shared: Path) -> None:
    """The official small archives hold the same drawings as the repacked full ones, by number."""
    path = shared / "omniglot" / "images_background_small1.zip"
    names = character_names()
    with zipfile.ZipFile(path) as archive:
        places = [n.removesuffix(".png").split("/") for n in archive.namelist() if ".png" in n]
    assert len(places) == 2720
    for _, alphabet, character, file in places:
        assert names[int(file[:4])] == f"{alphabet}/{character}"
    with np.load(shared / "omniglot" / "images_background.npz") as file:
        full = file["images"]
    count = 0
    for number, drawing, image in read_drawings(path):
        assert np.array_equal(image, shrink(Image.fromarray(full[number - 1, drawing - 1])))
        count += 1
    assert count == 2720


def test_tasks(shared: Path) -> None:
    families = {s: Omniglot(split=s, folder=str(shared)) for s in SPLITS}  # type: ignore[arg-type]
    names = {split: set(family.classes.names) for split, family in families.items()}
    assert not names["train"] & (names["validation"] | names["test"])
    assert not names["validation"] & names["test"]
    assert not names["background"] & names["evaluation"]
    for split, family in families.items():
        batch = family.sample(50, torch.Generator().manual_seed(0))
        assert batch.support[0].shape == (50, 5, 1, 28, 28)
        # 90° turns make new classes of training characters only
        assert bool(batch.info["rotations"].any()) is (split in {"train", "background"})
        assert 0.03 < float(batch.support[0].mean()) < 0.2  # ink is rare and bright
        assert float(batch.support[0].max()) == 1.0
    assert Omniglot(split="test", rotations=True, folder=str(shared)).classes.rotations
    with pytest.raises(ValueError, match="class 'Arcadian/character01' has 20 examples"):
        Omniglot(shots=10, queries=11, folder=str(shared))


def test_images_are_those_of_their_number(shared: Path) -> None:
    family = Omniglot(split="test", queries=2, folder=str(shared))
    with np.load(shared / "omniglot" / "images_evaluation.npz") as file:
        full = file["images"]
    numbers = {name: number for number, name in character_names().items()}
    batch = family.sample(5, torch.Generator().manual_seed(0))
    x, y = batch.query
    for task, point in np.ndindex(5, 10):
        name = family.classes.names[int(batch.info["classes"][task, y[task, point]])]
        example = int(batch.info["query_examples"][task, point])
        small = shrink(Image.fromarray(full[numbers[name] - 965, example]))
        torch.testing.assert_close(x[task, point, 0], torch.from_numpy(small / 255).float())


def test_other_splits_of_a_family(shared: Path) -> None:
    family = Omniglot(shots=2, folder=str(shared))
    assert family.on("validation") == Omniglot(shots=2, split="validation", folder=str(shared))
    alphabets = Omniglot(split="background", folder=str(shared))
    assert alphabets.on("test").split == "evaluation"
    assert alphabets.on("test").on("train") == alphabets
    with pytest.raises(ValueError, match="have no split 'validation': make the family with"):
        alphabets.on("validation")


def test_portrait_shows_the_drawings_and_whose_they_are(shared: Path) -> None:
    family = Omniglot(split="test", queries=2, folder=str(shared))
    task = family.sample(1, torch.Generator().manual_seed(0))
    portrait = family.portrait(task, [lambda x: torch.zeros(len(x), 5)])
    names = [family.classes.names[i] for i in task.info["classes"][0].tolist()]
    assert list(portrait.names) == names
    assert "Lake" in portrait.attribution
    x, y = task.support
    for way in range(5):
        drawing = x[0, int((y[0] == way).nonzero()[0, 0]), 0]
        assert torch.equal(portrait.support[way, 0, :, :, 0], (drawing * 255).round().byte())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "all"}, "split must be one of 'train', .*'evaluation', got 'all'"),
        ({"ways": 0}, "ways must be a whole number ≥ 1, got 0"),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Omniglot(**options)


def test_the_checksums_are_those_of_both_archives() -> None:
    assert [(a.first, a.last, a.name) for a in ARCHIVES] == [
        (1, 964, "images_background"),
        (965, 1623, "images_evaluation"),
    ]
