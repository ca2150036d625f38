"""Few-shot image classification: Omniglot, emoji and their networks."""

from labkit.tasks.images.emoji import EMOJI_ATTRIBUTION, Emoji
from labkit.tasks.images.image_classes import ImageClasses
from labkit.tasks.images.image_networks import conv4, conv4_max_pool, image_mlp
from labkit.tasks.images.image_portrait import image_portrait
from labkit.tasks.images.nearest_neighbour import nearest_neighbour
from labkit.tasks.images.omniglot import OMNIGLOT_ATTRIBUTION, Omniglot

__all__ = [
    "EMOJI_ATTRIBUTION",
    "OMNIGLOT_ATTRIBUTION",
    "Emoji",
    "ImageClasses",
    "Omniglot",
    "conv4",
    "conv4_max_pool",
    "image_mlp",
    "image_portrait",
    "nearest_neighbour",
]
