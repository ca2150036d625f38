"""Portraits of image tasks: which images, which probabilities, and what is refused."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from labkit import (
    EMOJI_ATTRIBUTION,
    DrawableFamily,
    Emoji,
    ImageClasses,
    ImagePortrait,
    TaskBatch,
    image_portrait,
)
from labkit.tasks.classification import Classification

NAMES = ("ant", "bee", "cat")


def images(*values: int) -> Tensor:
    """One task of 1×2 pixels in grey, each with its value at the left: (1, points, 1, 1, 2)."""
    pixels = torch.zeros(1, len(values), 1, 1, 2)
    pixels[0, :, 0, 0, 0] = torch.tensor(values) / 255
    return pixels


def task() -> TaskBatch:
    """Tens tell the class, ones the example."""
    return TaskBatch(
        support=(images(21, 1, 11, 12, 2, 22), torch.tensor([[2, 0, 1, 1, 0, 2]])),
        query=(images(13, 3, 23, 4, 14, 24), torch.tensor([[1, 0, 2, 0, 1, 2]])),
    )


def centred(x: Tensor) -> Tensor:
    """Logits that depend on the whole batch, as with batch norm: (points, 3)."""
    value = x.flatten(1)[:, :1]
    return (value - value.mean()) * torch.tensor([[-30.0, 0.0, 30.0]])


def test_images_stand_with_their_class() -> None:
    portrait = image_portrait(task(), [centred], NAMES, "somebody's")
    assert portrait.support.dtype == portrait.query.dtype == torch.uint8
    assert portrait.support.shape == (3, 2, 1, 2, 1)
    assert portrait.support[:, :, 0, 0, 0].tolist() == [[1, 2], [11, 12], [21, 22]]
    assert portrait.query[:, 0, 0, 0].tolist() == [3, 13, 23]  # the first of each class
    assert portrait.query[:, 0, 1].flatten().tolist() == [0, 0, 0]
    assert portrait.names == NAMES
    assert portrait.attribution == "somebody's"


def test_probabilities_are_softmax_over_the_whole_query_batch() -> None:
    portrait = image_portrait(task(), [lambda x: torch.zeros(len(x), 3), centred], NAMES)
    assert portrait.probabilities.shape == (2, 3, 3)
    torch.testing.assert_close(portrait.probabilities[0], torch.full((3, 3), 1 / 3).double())
    # the mean of all six query images is 81/6 = 13.5; the first bee, 13, is 0.5/255 below it, and
    # its logits are ±30 · 0.5/255 = ±0.0588; the first ant, 3, is 10.5 below and has ±1.235
    for row, logit in ((1, 30 * 0.5 / 255), (0, 30 * 10.5 / 255)):
        powers = [math.exp(logit), 1.0, math.exp(-logit)]
        expected = [power / sum(powers) for power in powers]
        assert portrait.probabilities[1, row].tolist() == pytest.approx(expected, rel=1e-5)


def test_a_diverged_model_has_no_probabilities() -> None:
    portrait = image_portrait(task(), [lambda x: centred(x) * math.inf], NAMES)
    assert portrait.probabilities.isnan().any()


def test_families_of_images_draw_their_tasks() -> None:
    pixels = torch.arange(6 * 4, dtype=torch.uint8).view(6, 4, 1, 1) * 10
    family = ImageClasses(pixels, ways=3, shots=2, queries=2, names=tuple("abcdef"))
    batch = family.sample(1, torch.Generator().manual_seed(0))
    portrait = family.portrait(batch, [lambda x: torch.zeros(len(x), 3)])
    assert portrait is not None
    numbers = batch.info["classes"][0].tolist()
    assert portrait.names == tuple("abcdef"[i] for i in numbers)
    # class i has the images 40 i, 40 i + 10, …
    assert (portrait.support.flatten(1) // 40).tolist() == [[i, i] for i in numbers]
    assert (portrait.query.flatten() // 40).tolist() == numbers
    nameless = ImageClasses(pixels, ways=3)
    assert nameless.names_in(batch) == tuple(f"class {i}" for i in numbers)


def test_emoji_have_names_and_are_credited() -> None:
    family = Emoji(ways=4, shots=2, queries=2)
    batch = family.sample(1, torch.Generator().manual_seed(3))
    portrait = family.portrait(batch, [lambda x: x.flatten(1)[:, :4]] * 3)
    assert isinstance(portrait, ImagePortrait)
    assert portrait.support.shape == (4, 2, 32, 32, 3)
    assert portrait.probabilities.shape == (3, 4, 4)
    for label, number in enumerate(batch.info["classes"][0].tolist()):
        assert portrait.names[label] == family.classes.names[number]
        first = int((batch.support[1][0] == label).nonzero()[0])
        vendor = batch.info["support_examples"][0, first]
        assert torch.equal(portrait.support[label, 0], family.classes.images[number, vendor])
    assert portrait.attribution == EMOJI_ATTRIBUTION
    for owed in ("Twitter", "Emoji One (CC BY 4.0)", "Mozilla (Apache 2.0)", "Microsoft (MIT)"):
        assert owed in EMOJI_ATTRIBUTION


def test_families_without_images_offer_no_portrait() -> None:
    class Signs(Classification):
        def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
            raise NotImplementedError

    assert not isinstance(Signs(), DrawableFamily)
    assert isinstance(ImageClasses(torch.zeros(5, 2, 3, 3, dtype=torch.uint8)), DrawableFamily)


def changed(**parts: Any) -> TaskBatch:
    one = task()
    return TaskBatch(support=parts.get("support", one.support), query=parts.get("query", one.query))


SUPPORT, QUERY = task().support, task().query


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        (changed(support=(SUPPORT[0] * 20, SUPPORT[1])), r"support images .* from 0 to 1 .* 1\.73"),
        (changed(query=(QUERY[0] - 0.1, QUERY[1])), "query images .* before normalisation"),
        (changed(query=(QUERY[0] * math.nan, QUERY[1])), "query images must have values"),
        (changed(support=(SUPPORT[0].expand(1, 6, 2, 1, 2), SUPPORT[1])), "1 or 3 channels, got"),
        (changed(support=(SUPPORT[0].expand(2, 6, 1, 1, 2), SUPPORT[1])), "must be of one task"),
        (changed(query=(QUERY[0][0], QUERY[1][0])), "query images must be of one task"),
        (changed(query=(QUERY[0], QUERY[1][:, :5])), r"query labels must have shape \(1, 6\)"),
        (changed(query=(QUERY[0], QUERY[1].clamp(max=1))), r"0 … 2, .* got \[0, 1\]"),
        (changed(query=(QUERY[0], QUERY[1] + torch.tensor([0, 0, 0, 0, 9, 0]))), "got .*10"),
        (
            changed(support=(SUPPORT[0], torch.tensor([[2, 0, 1, 1, 0, 1]]))),
            r"as many support images as the others, got \{'ant': 2, 'bee': 3, 'cat': 1\}",
        ),
    ],
)
def test_what_cannot_be_drawn(batch: TaskBatch, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        image_portrait(batch, [centred], NAMES)


def test_logits_must_be_for_the_ways() -> None:
    with pytest.raises(ValueError, match=r"logits of shape \(6, 3\), .*, got \(6, 2\)"):
        image_portrait(task(), [lambda x: x.flatten(1)], NAMES)
