"""Augmented, normalised and lazily read points: what training sees and what tests see."""

from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from labkit import (
    MAML,
    Emoji,
    ImageClasses,
    LabelledTasks,
    MetaLearner,
    MiniBatches,
    Session,
    Settings,
    dataset_tasks,
    image_folder,
)
from labkit.core import tree_leaves
from labkit.tasks import AugmentedFamily, Split
from labkit.tasks.custom import image_files, normalisation
from labkit.training.engine import engine
from labkit.training.engine.recording import Recording
from tests.training.point_tasks import made

CLASSES, EACH, SIDE = 12, 5, 4
SPLITS: tuple[Split, ...] = get_args(Split)
LABEL = torch.arange(CLASSES).repeat_interleave(EACH)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures() -> Tensor:
    """Bytes, (points, 3, side, side)."""
    shape = (CLASSES * EACH, 3, SIDE, SIDE)
    return torch.randint(256, shape, generator=generator(1)).byte()


def flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Half of the images, left to right."""
    left = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
    return torch.where(left, images.flip(-1), images)


def grey(images: Tensor, _: torch.Generator) -> Tensor:
    return torch.full_like(images, 0.5)


def labelled(**options: Any) -> LabelledTasks:
    return LabelledTasks(**{"x": pictures(), "y": LABEL, "ways": 2, "queries": 2, **options})


def of_class(**options: Any) -> ImageClasses:
    images = pictures().view(CLASSES, EACH, 3, SIDE, SIDE).movedim(2, -1)
    return ImageClasses(images, **{"ways": 2, "queries": 2, **options})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for point, pixels in enumerate(pictures()):
        place = tmp_path / f"class {LABEL[point]:02d}"
        place.mkdir(exist_ok=True)
        Image.fromarray(pixels.movedim(0, -1).numpy()).save(place / f"{point:02d}.png")
    return tmp_path


def network(generator: torch.Generator) -> nn.Module:
    linear = nn.Linear(3 * SIDE * SIDE, 2, device="meta").to_empty(device="cpu")
    model = nn.Sequential(nn.Flatten(), linear)
    for p in model.parameters():
        nn.init.normal_(p, std=0.1, generator=generator)
    return model


def test_each_image_is_altered_by_itself_and_by_the_stream_alone() -> None:
    family = labelled(augment=flip)
    batch, again, other = (family.sample(20, generator(seed)) for seed in (0, 0, 1))
    original = pictures().float() / 255
    flipped = []
    for part in ("support", "query"):
        x = getattr(batch, part)[0].flatten(0, 1)
        assert torch.equal(x, getattr(again, part)[0].flatten(0, 1))
        as_it_was = original[batch.info[f"{part}_points"].flatten()]
        turned = (x != as_it_was).flatten(1).any(1)
        assert torch.equal(x, torch.where(turned[:, None, None, None], as_it_was.flip(-1), x))
        flipped.append(float(turned.float().mean()))
    assert 0.3 < min(flipped) <= max(flipped) < 0.7
    assert not torch.equal(batch.query[0], other.query[0])


@pytest.mark.parametrize(
    "family",
    [
        labelled(augment=grey),
        dataset_tasks(list(zip(pictures(), LABEL, strict=True)), ways=2, augment=grey),
        of_class(augment=grey),
        of_class(augment=grey, rotations=True),
        MiniBatches(labelled(augment=grey), size=1),
        Emoji(ways=2, augment=grey),
    ],
)
def test_training_alone_is_augmented(family: Any) -> None:
    """Whatever a learner measures on is unaltered, of the split "train" too."""
    augmented: Any = family
    assert isinstance(augmented, AugmentedFamily)
    batch = family.sample(3, generator())
    x = next(leaf for leaf in tree_leaves(batch.support) if leaf.ndim == 5)
    assert (x == 0.5).all()
    assert (batch.query[0] == 0.5).all()
    side = x.shape[-1]
    model = made(lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * side * side, 2)))
    learner = MetaLearner(model, family, MAML(0.1), meta_batch=2)
    for split in SPLITS:
        x = learner.held_out(4, split=split).query[0]
        assert x.std() > 0.1
        x = learner.held_out(4, family, split).query[0]
        assert x.std() > 0.1
    if not isinstance(family, MiniBatches):
        portrait: Any = learner.portrait(split="train", tasks=2)
        assert portrait.query.float().std() > 10


def test_a_family_that_is_on_the_test_is_not_augmented() -> None:
    plain = labelled(split="test").sample(3, generator()).query[0]
    assert torch.equal(labelled(split="test", augment=grey).sample(3, generator()).query[0], plain)
    assert torch.equal(labelled(augment=grey).on("test").sample(3, generator()).query[0], plain)
    assert labelled().without_augmentation().augment is None


def test_vectors_are_augmented_too() -> None:
    def noise(x: Tensor, generator: torch.Generator) -> Tensor:
        return x + torch.randn(x.shape, generator=generator, dtype=x.dtype)

    x = torch.zeros(len(LABEL), 3, dtype=torch.float64)
    values = labelled(x=x, augment=noise).sample(200, generator()).query[0]
    assert values.std() == pytest.approx(1, abs=0.05)


CALLS = count()


def by_torch(images: Tensor, _: torch.Generator) -> Tensor:
    return images + torch.rand(images.shape) / 10


@pytest.mark.parametrize(
    ("augment", "words"),
    [
        ("flip", r"augment must be a function \(x, generator\) → x, got 'flip'"),
        (lambda x, _: x[..., 1:], r"altered, got torch.float32 of shape \(8, 3, 4, 3\)"),
        (lambda x, _: x.double(), "altered, got torch.float64"),
        (lambda _, __: None, "altered, got NoneType"),
        (by_torch, "random numbers that are not of its generator, .* torch.rand"),
        (lambda x, _: x + next(CALLS), "not of its generator"),
        (lambda x, _: x / 0, "values that are not finite"),
    ],
)
@pytest.mark.parametrize("make", [labelled, of_class])
def test_augmentations_that_are_refused(augment: Any, words: str, make: Any) -> None:
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match=words):
        make(augment=augment)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_remedy_of_the_message_is_one() -> None:
    def seeded(images: Tensor, generator: torch.Generator) -> Tensor:
        with torch.random.fork_rng():
            torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
            return by_torch(images, generator)

    one, two = (labelled(augment=seeded).sample(2, generator()).query[0] for _ in range(2))
    assert torch.equal(one, two)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_resumed_and_a_replayed_run_equal_an_uninterrupted_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lazy: bool
) -> None:
    replays: list[Recording] = []
    run = Recording.run

    def noted(self: Recording, leaves: list[Tensor]) -> list[Tensor]:
        replays.append(self)
        return run(self, leaves)

    def learner() -> MetaLearner:
        family = image_folder(folder, ways=2, size=None, augment=flip, normalize="train", lazy=lazy)
        return MetaLearner(network, family, MAML(0.1), meta_batch=3)

    eager = learner()
    steps = eager.train(8)
    monkeypatch.setattr(engine, "RECORDED_AFTER", 2)
    monkeypatch.setattr(Recording, "run", noted)
    one, other = learner(), learner()
    before = one.train(5)
    one.save(tmp_path / "state.pt")
    other.load(tmp_path / "state.pt")
    assert before + other.train(3) == steps
    assert replays
    for name, p in eager.params.items():
        assert torch.equal(p, other.params[name])
    assert len({step.loss_before for step in steps}) == 8


def test_a_session_repeats_and_looks_at_earlier_meta_steps() -> None:
    def family(shots: int) -> LabelledTasks:
        return labelled(shots=shots, augment=flip)

    settings = Settings(meta_batch=2, shots=2, alpha=0.1)
    make = partial(Session, settings, model=network, tasks=family, test_tasks=3, test_steps=1)
    one, other = make(), make()
    one.run(4)
    end = one.snapshot().params
    one.look(2)
    other.run(2)
    early, again = one.snapshot().params, other.snapshot().params
    assert all(torch.equal(p, again[name]) for name, p in early.items())
    assert not all(torch.equal(p, end[name]) for name, p in early.items())
    other.run(4)
    later = other.snapshot().params
    assert all(torch.equal(p, later[name]) for name, p in end.items())


# normalisation


@pytest.mark.parametrize("chunk", [7, 256])
def test_statistics_are_those_of_the_training_classes(
    monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(normalisation, "CHUNK_POINTS", chunk)
    family = labelled(normalize="train")
    names = set(family.on("train").names)
    mine = torch.tensor([str(int(label)) in names for label in LABEL])
    pixels = pictures().double().numpy() / 255
    training = pixels[mine.numpy()]
    mean, deviation = (f(axis=(0, 2, 3)) for f in (training.mean, training.std))
    for split in SPLITS:
        batch = family.on(split).sample(30, generator())
        expected = pixels[batch.info["query_points"].numpy()] - mean[:, None, None]
        np.testing.assert_allclose(
            batch.query[0].numpy(), expected / deviation[:, None, None], rtol=0, atol=1e-5
        )


def test_columns_of_vectors_and_given_numbers() -> None:
    x = torch.randn(len(LABEL), 2, generator=generator(), dtype=torch.float64) * 7 + 3
    family = labelled(x=x, normalize="train")
    mine = torch.tensor([str(int(label)) in family.names for label in LABEL])
    batch = family.on("test").sample(9, generator())
    expected = (x - x[mine].mean(0)) / x[mine].std(0, correction=0)
    torch.testing.assert_close(batch.query[0], expected[batch.info["query_points"]])
    for pair in ((3, [7, 2]), (torch.tensor([3.0, 3.0]), (7.0, 2.0))):
        batch = labelled(x=x, normalize=pair).sample(9, generator())
        expected = (x - 3) / torch.tensor([7.0, 2.0])
        torch.testing.assert_close(batch.query[0], expected[batch.info["query_points"]])


def test_images_are_augmented_before_they_are_normalised() -> None:
    batch = labelled(augment=grey, normalize=(0.25, 0.5)).sample(3, generator())
    assert (batch.support[0] == 0.5).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"normalize": "test"}, "normalize must be \"train\", or .* got 'test'"),
        ({"normalize": (0.5, 0.0)}, "the deviations above 0"),
        ({"normalize": ([0.5, 0.5], 1.0)}, r"one for each channel \(3\)"),
        ({"normalize": (0.5, float("nan"))}, "a finite number"),
        ({"normalize": 0.5}, "got 0.5"),
        ({"normalize": "train", "x": pictures().flatten(1)}, "x is torch.uint8, which stays"),
        (
            {"normalize": "train", "x": torch.ones(len(LABEL), 2)},
            "column 0 is 1 in all points of the training classes",
        ),
    ],
)
def test_normalisations_that_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        labelled(**options)


def test_a_portrait_shows_pixels_and_what_the_model_sees_is_normalised() -> None:
    sides = [
        MetaLearner(network, labelled(normalize=normalize), MAML(0.1), meta_batch=2)
        for normalize in ("train", None)
    ]
    portrait, plain = (learner.portrait(tasks=2) for learner in sides)
    assert torch.equal(portrait.query, plain.query)  # type: ignore[union-attr]
    assert torch.equal(portrait.support, plain.support)  # type: ignore[union-attr]
    batch = sides[0].held_out(2)
    logits = sides[0].predictor(sides[0].params)(batch.query[0][0]).double().softmax(-1)
    first = [int((batch.query[1][0] == label).nonzero()[0]) for label in (0, 1)]
    assert torch.equal(portrait.probabilities[0], logits[first].detach())  # type: ignore[union-attr]


# folders larger than memory


def test_a_lazy_folder_gives_the_tasks_of_one_in_memory(folder: Path) -> None:
    options: dict[str, Any] = {"ways": 2, "shots": 2, "queries": 2, "size": 3, "augment": flip}
    lazy, eager = (
        image_folder(folder, lazy=lazy, normalize="train", **options) for lazy in (True, False)
    )
    for split in SPLITS:
        one, two = (f.on(split).sample(7, generator(2)) for f in (lazy, eager))
        for a, b in ((one.support, two.support), (one.query, two.query)):
            assert torch.equal(a[0], b[0])
            assert torch.equal(a[1], b[1])


def test_only_what_is_drawn_is_decoded_and_that_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = image_folder(folder, ways=2, size=None, lazy=True)
    decoded: list[Path] = []
    read = image_files.read_image

    def counted(file: Path, size: int | None, grey: bool) -> Tensor:
        decoded.append(file)
        return read(file, size, grey)

    monkeypatch.setattr(image_files, "read_image", counted)
    batch = family.sample(40, generator())
    for part in ("support", "query"):
        points = torch.unique(batch.info[f"{part}_points"])
        own, decoded[: len(points)] = decoded[: len(points)], []
        assert {int(file.stem) for file in own} == set(points.tolist())
    assert not decoded


def test_a_damaged_file_is_named_when_it_is_drawn_and_training_goes_on_when_it_is_mended(
    folder: Path,
) -> None:
    whole = image_folder(folder, ways=2, size=None, lazy=True)
    learner, other = (MetaLearner(network, whole, MAML(0.1), meta_batch=2) for _ in range(2))
    numbers = whole.sample(2, generator().set_state(learner.task_stream)).info["query_points"]
    file = folder / f"class {LABEL[int(numbers[0, 0])]:02d}" / f"{int(numbers[0, 0]):02d}.png"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=rf"{file.name} cannot be read as an image .*repair"):
        learner.step()
    file.write_bytes(content)
    assert learner.step() == other.step()


def test_a_lazy_image_of_another_size(folder: Path) -> None:
    Image.new("RGB", (12, 7)).save(folder / "class 03" / "99.png")
    family = image_folder(folder, ways=1, shots=1, queries=4, size=None, lazy=True)
    split = next(s for s in SPLITS if "class 03" in family.on(s).names)
    with pytest.raises(ValueError, match=r"00\.png has 4×4 pixels, .*99\.png has 12×7; pass size="):
        family.on(split).sample(60, generator())
    with pytest.raises(ValueError, match="lazy must be True or False, got 'yes'"):
        image_folder(folder, lazy="yes")  # type: ignore[arg-type]
