"""Smaller images: the first way to save macs, before channels are removed."""

import numpy as np
import tensorflow as tf

from tfdcu.graph.parse import is_model
from tfdcu.graph.resize import at_size
from tfdcu.graph.resize import resized
from tfdcu.graph.resize import takes_any_size
from tfdcu.pruning.budget import BUDGETS
from tfdcu.pruning.budget import check_size
from tfdcu.pruning.budget import full_cost
from tfdcu.pruning.budget import one_budget
from tfdcu.pruning.check import check_opened
from tfdcu.pruning.groups import Groups
from tfdcu.pruning.rebuild import compile_like
from tfdcu.workdir.arguments import whole

# Images that are resized in one go.
_AT_ONCE = 64


def start_at(model, image_size, budgets, measure=None):
    """The model at another image size, and what is left of a budget.

    Args:
        model: The model at its own size; of one that takes any size, budgets
            are those at `image_size`.
        image_size: As in `prune_channels`, or `None` for the model's.
        budgets: Dict with one of the budgets of `prune_channels`.
        measure: As in `prune_channels`.

    Returns:
        (the model at that size, `budgets` as a share of its cost).

    Raises:
        ValueError: As in `prune_channels`.
    """
    if image_size is None:
        return model, budgets
    start = with_size(model, image_size)
    name, value = one_budget({key: budgets.get(key) for key in BUDGETS})
    groups, sized = Groups(model), Groups(start)
    if takes_any_size(groups.trace.graph.model):
        groups = sized
    full = full_cost(groups, name, measure)
    check_size(name, value, full)
    cost = full_cost(sized, name, measure)
    number = value * full if value <= 1 else value
    return start, {**budgets, name: min(1.0, number / cost)}


def with_size(model, image_size):
    """The model at an `image_size`; raises if it cannot be built there.

    Args:
        model: The model at its own size, or one that takes any size.
        image_size: As in `prune_channels`, or `None` for the model's.

    Returns:
        The model itself if it has that size, else a functional copy with the
        same weights and training config.

    Raises:
        ValueError: As in `prune_channels`.
    """
    if image_size is None:
        return model
    sizes = image_size
    if not hasattr(image_size, "__len__"):
        sizes = (image_size, image_size)
    _, fits = whole(1, 2**15)
    if len(sizes) != 2 or not all(map(fits, sizes)):
        raise ValueError(
            "Invalid value for `image_size`. Expected: a whole number of "
            "pixels, from 1 to 32768, or (height, width). "
            f"Received: image_size={image_size!r}"
        )
    if not is_model(model):
        opened = Groups(model).trace.graph.model
        check_opened(opened, model)
        model = opened
    shapes = [tuple(tensor.shape) for tensor in model.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise ValueError(
            "The model has no images to take at an `image_size`. Expected: "
            "one input (height, width, channels), or image_size=None. "
            f"Received: inputs of shape {shapes} in model {model.name!r}."
        )
    start = at_size(model, (*map(int, sizes), shapes[0][-1]))
    if start is not model and model.compiled:
        compile_like(start, model)
    return start


def resized_images(images, input_shape):
    """What `images_for` returned, at the size of a model."""
    if isinstance(images, tf.data.Dataset):
        return images.map(lambda batch: resized(batch, input_shape))
    if images is None or images.shape[1:3] == input_shape[1:3]:
        return images
    parts = [
        np.asarray(resized(images[start : start + _AT_ONCE], input_shape))
        for start in range(0, len(images), _AT_ONCE)
    ]
    return np.concatenate(parts)
