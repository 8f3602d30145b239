"""Teacher outputs and image statistics in one pass over the images."""

import keras
import numpy as np
import tensorflow as tf

from tfdcu.data import Source
from tfdcu.data import color_levels
from tfdcu.data import junk_measures
from tfdcu.data import open_source
from tfdcu.graph.images import check_whole_numbers
from tfdcu.graph.inference import compiled
from tfdcu.graph.resize import resized

_BATCH_SIZE = 128
# Places of a map of answers that are looked at.
_PLACES = 64


def opened(images, teacher, *, image_shape=None, **options):
    """Open images as a source, by default at the teacher's input size.

    Args:
        images: Anything `tfdcu.data.open_source` takes.
        teacher: A functional `keras.Model`.
        image_shape: (height, width, channels); `None` for the teacher's input
            shape, or the images' own if that is not fixed or `images` is a
            `Source`.
        **options: Keyword arguments of `open_source`.

    Returns:
        A `tfdcu.data.Source`.
    """
    if image_shape is None and not isinstance(images, Source):
        shape = teacher.input_shape[1:]
        image_shape = None if None in shape else shape
    source = open_source(images, image_shape=image_shape, **options)
    check_whole_numbers(teacher.inputs[0].dtype, source.value_range)
    return source


def check_layer(teacher, layer):
    """Raise if the teacher has no layer of that name."""
    names = [one.name for one in teacher.layers]
    if layer not in names:
        raise ValueError(
            "Invalid value for `layer`. Expected: a layer of the teacher, one "
            f"of {names}. Received: layer={layer!r}"
        )


def output_function(teacher, **taps):
    """A function from images to a teacher's logits and other outputs.

    Args:
        teacher: A functional `keras.Model` that outputs logits.
        **taps: By name of the output, a pair of a symbolic tensor of the
            teacher and a function from its float32 values to (batch, n).

    Returns:
        A function from images (batch, height, width, channels) to a dict of
        float32 arrays: `logits` (batch, classes), of maps (batch, places,
        classes) at some places, and one per tap.
    """
    outputs = {"logits": teacher.output}
    outputs |= {name: tensor for name, (tensor, _) in taps.items()}
    # An unnamed model would change the automatic names of later models.
    run = compiled(keras.Model(teacher.input, outputs, name="outputs"))

    def compute(images):
        images = resized(images, teacher.input_shape)
        values = run(images)
        for name, (_, function) in taps.items():
            values[name] = function(tf.cast(values[name], tf.float32))
        values["logits"] = at_some_places(both_classes(values["logits"]), 1)
        return {key: np.asarray(x, "float32") for key, x in values.items()}

    return compute


def both_classes(logits):
    """Logits of no and yes where a map has one channel.

    Args:
        logits: Array (batch, ..., classes).
    """
    if np.ndim(logits) > 2 and np.shape(logits)[-1] == 1:
        return np.concatenate([-logits / 2, logits / 2], -1)
    return logits


def at_some_places(maps, num_last):
    """Values at some places of maps, drawn once: neighbors are alike.

    Args:
        maps: Array (batch, ...positions, ...last).
        num_last: Number of the last axes, which are no positions.

    Returns:
        Array (batch, places, ...last) of at most 64 places; without positions
        the argument itself.
    """
    shape = np.shape(maps)
    last = shape[len(shape) - num_last :]
    if len(shape) == 1 + num_last:
        return maps
    flat = np.reshape(maps, (shape[0], -1, *last))
    num = flat.shape[1]
    if num <= _PLACES:
        return flat
    places = np.random.default_rng(0).choice(num, _PLACES, replace=False)
    return flat[:, np.sort(places)]


def collect_outputs(function, source, num_last=0, size=_BATCH_SIZE):
    """Teacher outputs, junk measures and color statistics of each image.

    Other inputs than images have no colors.

    Args:
        function: As returned by `output_function`.
        source: A `tfdcu.data.Source`.
        num_last: Number of the last axes of the labels that are no positions
            of maps. Defaults to 0.
        size: Int, how many images the teacher sees at once. Defaults to 128.

    Returns:
        Dict of arrays with one row per image; includes `labels` for a labeled
        source, at the places of the logits.

    Raises:
        ValueError: If a logit is not finite.
    """
    parts = []
    for batch in source.batches(size):
        images, *labels = batch if source.labeled else (batch,)
        pixels = images.numpy()
        statistics = junk_measures(pixels, source.value_range)
        if source.value_range is not None:
            statistics |= color_levels(pixels)
        extra = {
            "labels": at_some_places(one.numpy(), num_last) for one in labels
        }
        parts.append({**function(images), **statistics, **extra})
    rows = {key: np.concatenate([p[key] for p in parts]) for key in parts[0]}
    if not np.isfinite(rows["logits"]).all():
        raise ValueError(
            "The teacher's outputs are invalid. Expected: finite logits. "
            f"Received: NaN or infinity for images of {source.name}"
        )
    return rows


def rounded(results):
    """Convert a flat dict to plain types with rounded floats.

    Floats are rounded to four decimals, and in lists, such as shares of many
    classes, to four significant digits.
    """
    return {name: _rounded(value) for name, value in results.items()}


def _rounded(value):
    if isinstance(value, list):
        return [
            float(f"{item:.4g}") if isinstance(item, float) else item
            for item in value
        ]
    return round(float(value), 4) if isinstance(value, float) else value
