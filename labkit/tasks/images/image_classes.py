"""Few-shot classification of images that are held in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self, final

import torch
from torch import Tensor

from labkit.tasks.augmentation import TRIAL_POINTS, Augment, augmented, check_augment
from labkit.tasks.classification import Classification, EpisodeSampler
from labkit.tasks.family import ImagePortrait, Predictor, TaskBatch
from labkit.tasks.images.image_portrait import image_portrait


@final
@dataclass(frozen=True, slots=True, eq=False)
class ImageClasses(Classification):
    """N-way K-shot tasks over your own images: give a tensor of bytes, get a task family.

    A task is `ways` different classes with the labels 0 … ways − 1 in a random order, and for
    each class `shots` support and `queries` query images, all different. A whole batch of tasks
    is drawn and gathered by index, on the device where the images are. A model sees floats in
    [0, 1], channel first: (points, channels, height, width).

    With `rotations` a class is an image class together with a turn by 0, 90, 180 or 270 degrees,
    the same for all its images: four times as many classes. A task never holds one image class in
    two turns, since many drawings look the same after a half turn.

    The family has no splits: create one family for each split of your classes, and name the one
    for the test, `adaptation_curve(family=…)`. `LabelledTasks` divides classes by itself.

    Args:
        images: uint8, (classes, examples, height, width) or (…, height, width, channels).
        present: bool, (classes, examples): False where there is no image; None: all are there.
        names: One name for each class, for reports and errors; () for none.
        ways: N ≥ 1, classes per task.
        shots: K ≥ 1, support images per class.
        queries: Query images per class, ≥ 1.
        rotations: Turn each class of a task by a random multiple of 90 degrees; the images must
            be square.
        support_examples: Which examples, 0 … examples − 1, may be support; None: any.
        query_examples: Which may be query; None: any. With lists that share none, support and
            query differ in whatever the number of an example stands for, such as who drew it.
        augment: (images, generator) → images, as for `LabelledTasks`, after rotations; a learner
            measures without it.

    Raises:
        ValueError: A tensor or list does not fit, there are fewer classes than ways, a class
            has too few images, which the message names, or `augment` does not fit.

    Source:
        Vinyals et al. 2016, arXiv:1606.04080, §4.1; rotations as in Santoro et al. 2016,
        arXiv:1605.06065, §4.1, drawn for each class of a task as in the released code of Finn,
        Abbeel, Levine 2017, arXiv:1703.03400.

    Example:
        >>> drawings = torch.zeros(30, 20, 28, 28, dtype=torch.uint8)
        >>> family = ImageClasses(drawings, ways=5, shots=1, queries=3, rotations=True)
        >>> batch = family.sample(8, torch.Generator().manual_seed(0))
        >>> x, y = batch.query
        >>> x.shape, y.shape, batch.info["classes"].shape
        (torch.Size([8, 15, 1, 28, 28]), torch.Size([8, 15]), torch.Size([8, 5]))
    """

    images: Tensor = field(repr=False)
    present: Tensor | None = field(default=None, repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)
    ways: int = 5
    shots: int = 1
    queries: int = 1
    rotations: bool = False
    support_examples: tuple[int, ...] | None = None
    query_examples: tuple[int, ...] | None = None
    augment: Augment | None = field(default=None, repr=False)
    _sampler: EpisodeSampler = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check_images(self.images, square=self.rotations)
        shape = self.images.shape[:2]
        present = torch.ones(shape, dtype=torch.bool) if self.present is None else self.present
        if present.shape != shape or present.dtype != torch.bool:
            raise ValueError(
                f"present must be bool of shape {tuple(shape)}, as the images, got "
                f"{present.dtype} of shape {tuple(present.shape)}"
            )
        if self.names and len(self.names) != shape[0]:
            raise ValueError(
                f"names must be one for each of {shape[0]} classes or (), got {self.names}"
            )
        present = present.cpu()
        sampler = EpisodeSampler(
            support=present & listed("support_examples", self.support_examples, shape[1]),
            query=present & listed("query_examples", self.query_examples, shape[1]),
            ways=self.ways,
            shots=self.shots,
            queries=self.queries,
            names=tuple(self.names),
        )
        object.__setattr__(self, "_sampler", sampler)
        if self.augment is not None:
            check_augment(self.augment, _floats(self.images[:, 0][:TRIAL_POINTS]))

    def without_augmentation(self) -> Self:
        """The same tasks as they are measured on."""
        return self if self.augment is None else replace(self, augment=None)

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw tasks; x is float32 (tasks, points, channels, height, width), y (tasks, points).

        `info` has the numbers of what was drawn: "classes" and "rotations", (tasks, ways), in
        the order of the labels, and "support_examples", "query_examples", (tasks, points).
        """
        episodes = self._sampler.draw(tasks, generator)
        turns = torch.zeros_like(episodes.classes)
        if self.rotations:
            turns = torch.randint(
                4, episodes.classes.shape, generator=generator, device=generator.device
            )
        x_support, x_query = (
            self._gather(episodes.classes, turns, examples, labels, generator)
            for examples, labels in (
                (episodes.support, episodes.support_labels),
                (episodes.query, episodes.query_labels),
            )
        )
        device = self.images.device
        return TaskBatch(
            support=(x_support, episodes.support_labels.to(device)),
            query=(x_query, episodes.query_labels.to(device)),
            info={
                "classes": episodes.classes,
                "rotations": turns,
                "support_examples": episodes.support,
                "query_examples": episodes.query,
            },
        )

    def portrait(self, task: TaskBatch, predictors: Sequence[Predictor]) -> ImagePortrait | None:
        """The images of one task, and the model's predictions; None unless 1 or 3 channels."""
        if self.images.ndim == 5 and self.images.shape[-1] not in {1, 3}:
            return None
        return image_portrait(task, predictors, self.names_in(task))

    def names_in(self, task: TaskBatch) -> tuple[str, ...]:
        """Names of the classes of a batch of one task, (ways), in the order of the labels."""
        numbers = task.info["classes"].flatten().tolist()
        return tuple(self.names[i] if self.names else f"class {i}" for i in numbers)

    def _gather(
        self,
        classes: Tensor,
        turns: Tensor,
        examples: Tensor,
        labels: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        """Images of the drawn points, (tasks, points, channels, height, width)."""
        number = classes.gather(1, labels) * self.images.shape[1] + examples  # (tasks, points)
        device = self.images.device
        pixels = self.images.flatten(0, 1).index_select(0, number.flatten().to(device))
        if self.rotations:
            turn = turns.gather(1, labels).flatten().to(device)
            pixels = _turned(pixels, turn)
        floats = _floats(pixels)
        if self.augment is not None:
            floats = augmented(self.augment, floats, generator)
        return floats.reshape(*number.shape, *floats.shape[1:])


def _floats(pixels: Tensor) -> Tensor:
    """Bytes (images, height, width, …) → floats in [0, 1], (images, channels, height, width)."""
    if pixels.ndim == 3:
        pixels = pixels.unsqueeze(-1)
    first = pixels.movedim(-1, 1)
    return first.to(torch.float32, memory_format=torch.contiguous_format).div_(255)


def _turned(pixels: Tensor, turn: Tensor) -> Tensor:
    """Each image, (images, height, width, …), counterclockwise by 90 degrees `turn` times."""
    side = pixels.shape[1]
    grid = torch.arange(side * side, device=pixels.device).view(side, side)
    # where each pixel comes from, (4, height · width)
    source = torch.stack([torch.rot90(grid, quarter).flatten() for quarter in range(4)])
    flat = pixels.flatten(1, 2)  # (images, height · width, …)
    index = source[turn].view(*flat.shape[:2], *[1] * (flat.ndim - 2)).expand_as(flat)
    return flat.gather(1, index).view_as(pixels)


def _check_images(images: Tensor, *, square: bool) -> None:
    if images.dtype != torch.uint8 or images.ndim not in {4, 5} or not images.numel():
        raise ValueError(
            "images must be uint8 of shape (classes, examples, height, width) or (classes, "
            f"examples, height, width, channels), got {images.dtype} of shape "
            f"{tuple(images.shape)}"
        )
    if square and images.shape[2] != images.shape[3]:
        raise ValueError(
            f"rotations need square images, got {images.shape[2]}×{images.shape[3]} pixels"
        )


def listed(argument: str, listed: Sequence[int] | None, examples: int) -> Tensor:
    """Which of so many examples a list names, bool, (examples,); None names all.

    Raises:
        ValueError: The list is empty or has a number that is none of theirs.
    """
    if listed is None:
        return torch.ones(examples, dtype=torch.bool)
    if not listed or not all(isinstance(i, int) and 0 <= i < examples for i in listed):
        raise ValueError(
            f"{argument} must be numbers of examples from 0 to {examples - 1}, or None for any, "
            f"got {listed!r}"
        )
    mask = torch.zeros(examples, dtype=torch.bool)
    mask[list(listed)] = True
    return mask
