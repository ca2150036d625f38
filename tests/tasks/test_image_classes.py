"""N-way K-shot tasks from images in memory: what is drawn, how it is labelled, what is refused."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from labkit import ImageClasses, TaskBatch, TaskFamily

CLASSES, EXAMPLES = 12, 7


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def marked(channels: int = 0) -> Tensor:
    """Images of 3×3 pixels that tell who they are: [class, example; …] in the upper corners."""
    images = torch.zeros(CLASSES, EXAMPLES, 3, 3, dtype=torch.uint8)
    images[..., 0, 0] = torch.arange(CLASSES)[:, None]
    images[..., 0, 2] = torch.arange(EXAMPLES)
    images[..., 2, 0] = 255
    return images if not channels else torch.stack([images, *[images + 1] * (channels - 1)], -1)


def read(x: Tensor) -> tuple[Tensor, Tensor]:
    """Class and example of marked images that are not turned, each (tasks, points)."""
    pixels = (x[:, :, 0] * 255).round().long()
    return pixels[..., 0, 0], pixels[..., 0, 2]


def parts(batch: TaskBatch) -> list[tuple[Tensor, Tensor, Tensor]]:
    """x, y and the numbers of the examples, of support and query."""
    return [
        (*batch.support, batch.info["support_examples"]),
        (*batch.query, batch.info["query_examples"]),
    ]


def test_images_of_a_label_are_of_the_class_drawn_for_it() -> None:
    family: TaskFamily = ImageClasses(marked(), ways=5, shots=2, queries=3)
    batch = family.sample(200, generator())
    classes = batch.info["classes"]
    for (x, y, examples), each in zip(parts(batch), (2, 3), strict=True):
        assert x.shape == (200, 5 * each, 1, 3, 3)
        assert x.dtype == torch.float32
        of_class, of_example = read(x)
        assert torch.equal(of_class, classes.gather(1, y))
        assert torch.equal(of_example, examples)
        counts = torch.nn.functional.one_hot(y, 5).sum(1)
        assert (counts == each).all()


def test_a_task_holds_no_class_and_no_image_twice() -> None:
    batch = ImageClasses(marked(), ways=6, shots=3, queries=4).sample(200, generator())
    for task in batch.info["classes"].tolist():
        assert len(set(task)) == 6
    images = torch.cat([torch.stack(read(x), -1) for x, _, _ in parts(batch)], dim=1)
    for seen in images.tolist():
        # with 3 + 4 of 7 examples every image of each class is used once
        assert len({tuple(image) for image in seen}) == 6 * 7


def test_every_choice_is_equally_likely() -> None:
    batch = ImageClasses(marked(), ways=3, shots=1, queries=2).sample(6000, generator())

    def share(event: Tensor, expected: float) -> None:
        spread = math.sqrt(expected * (1 - expected) / 6000)
        assert float(event.float().mean()) == pytest.approx(expected, abs=4.5 * spread)

    for number in range(CLASSES):
        for label in range(3):
            share(batch.info["classes"][:, label] == number, 1 / CLASSES)
    for x, y, examples in parts(batch):
        for point in range(x.shape[1]):
            for label in range(3):
                share(y[:, point] == label, 1 / 3)
            for number in range(EXAMPLES):
                share(examples[:, point] == number, 1 / EXAMPLES)
    # support and query orders are drawn apart
    share(batch.support[1][:, 0] == batch.query[1][:, 0], 1 / 3)


def test_images_that_are_absent_are_never_drawn() -> None:
    present = torch.ones(CLASSES, EXAMPLES, dtype=torch.bool)
    present[:, 2] = False
    present[4, :4] = False  # 4, 5 and 6 are left
    family = ImageClasses(marked(), present, ways=5, shots=1, queries=2)
    batch = family.sample(500, generator())
    for x, _, _ in parts(batch):
        assert present[read(x)].all()
    fours = read(batch.query[0])[1][read(batch.query[0])[0] == 4]
    assert set(fours.tolist()) == {4, 5, 6}


def test_support_and_query_examples_may_be_told_apart() -> None:
    family = ImageClasses(
        marked(), ways=5, shots=2, queries=2, support_examples=(0, 1, 2), query_examples=(5, 3, 2)
    )
    batch = family.sample(500, generator())
    assert set(batch.info["support_examples"].flatten().tolist()) == {0, 1, 2}
    assert set(batch.info["query_examples"].flatten().tolist()) == {2, 3, 5}
    for task in range(500):
        images = [
            set(zip(*(r[task].tolist() for r in read(x)), strict=True)) for x, _, _ in parts(batch)
        ]
        assert not images[0] & images[1]


@pytest.mark.parametrize("channels", [0, 3])
def test_rotations(channels: int) -> None:
    """A class is turned as a whole, counterclockwise, and no class is in a task in two turns."""
    images = marked(channels)
    batch = ImageClasses(images, ways=5, shots=1, queries=2, rotations=True).sample(60, generator())
    classes, turns = batch.info["classes"], batch.info["rotations"]
    assert set(turns.flatten().tolist()) == {0, 1, 2, 3}
    assert all(len(set(task)) == 5 for task in classes.tolist())
    for x, y, examples in parts(batch):
        for task in range(60):
            for point in range(x.shape[1]):
                label = y[task, point]
                original = images[classes[task, label], examples[task, point]].float() / 255
                original = original.reshape(3, 3, -1).permute(2, 0, 1)
                turned = torch.rot90(original, int(turns[task, label]), (1, 2))
                torch.testing.assert_close(x[task, point], turned)


def test_without_rotations_nothing_is_turned() -> None:
    batch = ImageClasses(marked(), ways=5).sample(20, generator())
    assert not batch.info["rotations"].any()


def test_colour_comes_channel_first_in_zero_to_one() -> None:
    images = marked(channels=3)
    x, _ = ImageClasses(images, ways=5).sample(4, generator()).support
    assert x.shape == (4, 5, 3, 3, 3)
    torch.testing.assert_close(x[:, :, 1], x[:, :, 2])
    assert float(x[:, :, 0].max()) == 1.0
    assert float(x[:, :, 0].min()) == 0.0


def test_the_generator_decides() -> None:
    family = ImageClasses(marked(), ways=5, rotations=True)
    one, two, other = (family.sample(3, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.query[0], two.query[0])
    assert torch.equal(one.support[1], two.support[1])
    assert not torch.equal(one.query[0], other.query[0])


def test_loss_labels_and_accuracy() -> None:
    family = ImageClasses(marked(), ways=2)
    logits = torch.tensor([[2.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    batch = (logits, torch.tensor([0, 0, 1, 1]))
    # −log of 1/(1+e^−2), 1/2, 1/(1+e), 1/(1+e^−3)
    expected = (math.log(1 + math.exp(-2)) + math.log(2) + math.log(1 + math.e)) / 4
    expected += math.log(1 + math.exp(-3)) / 4
    assert float(family.loss(lambda x: x, batch)) == pytest.approx(expected, rel=1e-6)
    assert torch.equal(family.labels(batch), batch[1])
    # a tie goes to the first class: right, right, wrong, right
    assert family.metrics(lambda x: x, batch) == {"accuracy": torch.tensor(0.75)}


def test_gradient_of_the_papers_loss_is_that_of_ours_times_ways() -> None:
    """The released code: cross-entropies divided by K shots, and summed by the gradient."""
    logits = torch.randn(10, 5, generator=generator(), requires_grad=True)
    y = torch.arange(5).repeat(2)
    family = ImageClasses(marked(), ways=5, shots=2)
    (ours,) = torch.autograd.grad(family.loss(lambda x: x, (logits, y)), logits)
    (theirs,) = torch.autograd.grad((cross_entropy(logits, y, reduction="none") / 2).sum(), logits)
    torch.testing.assert_close(theirs, 5 * ours)


FEW = torch.ones(CLASSES, EXAMPLES, dtype=torch.bool)
FEW[7, 3:] = False


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ways": 13}, r"ways=13, but there are 12 classes: use ways ≤ 12"),
        ({"ways": 0}, "ways must be a whole number ≥ 1, got 0"),
        ({"shots": 1.5}, "shots must be a whole number ≥ 1, got 1.5"),
        ({"queries": 0}, "queries must be a whole number ≥ 1, got 0"),
        ({"shots": 4, "queries": 4}, r"class 0 has 7 examples .* shots=4 and queries=4"),
        (
            {"present": FEW, "names": tuple("abcdefghijkl"), "queries": 3},
            r"class 'h' has 3 examples .* shots=1 and queries=3: .*1 of 12",
        ),
        (
            {"support_examples": (0, 1), "query_examples": (1, 2), "shots": 2, "queries": 2},
            "class 0 has 3 examples",
        ),
        ({"support_examples": (7,)}, "support_examples must be numbers of examples from 0 to 6"),
        ({"query_examples": ()}, "query_examples must be numbers"),
        ({"present": FEW[:3]}, r"present must be bool of shape \(12, 7\)"),
        ({"names": ("one",)}, "names must be one for each of 12 classes"),
        ({"images": marked().float()}, r"images must be uint8 .*, got torch.float32"),
        ({"images": marked()[0]}, "images must be uint8 of shape"),
        ({"images": marked()[..., :2], "rotations": True}, "rotations need square images, got 3×2"),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ImageClasses(**{"images": marked(), **options})


def test_bad_number_of_tasks() -> None:
    with pytest.raises(ValueError, match="tasks must be a whole number ≥ 1, got 0"):
        ImageClasses(marked()).sample(0, generator())
