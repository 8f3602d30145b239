"""Smaller images: the first way to save macs, before channels are removed."""

import warnings

import numpy as np
import tensorflow as tf

from tfdcu.graph.macs import total_macs
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

# As small as leaves something to prune, see `chosen_size`.
AUTO = "auto"
# The sizes that `AUTO` takes are multiples of this: most networks halve images
# five times, and a rest costs macs and accuracy (docs/accuracy.md).
_STEP = 32
# The smallest of them; objects in smaller photos are hard to see.
_SMALLEST = 64
# Share of the budget that a smaller size may leave unused: without any channel
# removed it is better (docs/accuracy.md, photos of ImageNet).
_UNUSED = 0.05
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
    image_size = chosen_size(model, image_size, budgets)
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


def chosen_size(model, image_size, budgets):
    """The size that `image_size` stands for.

    Args:
        model: A `keras.Model` of one size.
        image_size: As in `prune_channels`, or `None`.
        budgets: Dict with one of the budgets of `prune_channels`.

    Returns:
        `image_size` itself if it is not "auto". Else the smallest multiple of
        32 pixels of the shorter side, at least 64, at which the macs with all
        channels reach the budget, but for a twentieth; a list (height, width),
        or `None` if that is the model's own size, it has no other, which a
        warning says, it takes no images or the budget is none of macs.

    Raises:
        ValueError: If "auto" is given for a model of any size.
    """
    if not isinstance(image_size, str) or image_size != AUTO:
        return image_size
    name, value = one_budget({key: budgets.get(key) for key in BUDGETS})
    if name != "macs":
        return None
    own = tuple(model.inputs[0].shape[1:3])
    if None in own:
        raise ValueError(
            "A size is chosen by the macs that it saves. Expected: a model at "
            "one size (`tfdcu.models.at_size`), or image_size in pixels. "
            f"Received: image_size={AUTO!r} and images of {own}"
        )
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4:
        return None
    number = value * (total_macs(model) or 0) if value <= 1 else value
    best, short = None, min(own)
    for side in range((short - 1) // _STEP * _STEP, _SMALLEST - 1, -_STEP):
        size = [round(side * length / short) for length in own]
        try:
            macs = total_macs(with_size(model, size)) or 0
        except ValueError as error:
            warnings.warn(
                f"The student takes images of {own[0]} x {own[1]} pixels, as "
                f"the teacher. {error}",
                stacklevel=3,
            )
            return None
        if macs < (1 - _UNUSED) * number:
            break
        best = size
    return best


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
            "pixels, from 1 to 32768, (height, width) or 'auto'. "
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
