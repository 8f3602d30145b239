"""Teacher outputs and image statistics in one pass over the images."""

import keras
import numpy as np
import tensorflow as tf

from tfdcu.data import Source
from tfdcu.data import color_levels
from tfdcu.data import junk_measures
from tfdcu.data import open_source
from tfdcu.graph.ends import output_names
from tfdcu.graph.images import check_whole_numbers
from tfdcu.graph.inference import compiled
from tfdcu.graph.resize import resized
from tfdcu.report import ProgressBar

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
        float32 arrays: for each output of the teacher the logits under its
        `key_of` (batch, classes), of maps (batch, places, classes) at some
        places, and one per tap.
    """
    names = output_names(teacher)
    logits = {
        key_of("logits", name, names): tensor
        for name, tensor in zip(names, teacher.outputs)
    }
    outputs = logits | {name: tensor for name, (tensor, _) in taps.items()}
    # An unnamed model would change the automatic names of later models.
    run = compiled(keras.Model(teacher.input, outputs, name="outputs"))

    def compute(images):
        images = resized(images, teacher.input_shape)
        values = run(images)
        for name, (_, function) in taps.items():
            values[name] = function(tf.cast(values[name], tf.float32))
        for name in logits:
            values[name] = at_some_places(both_classes(values[name]), 1)
        return {key: np.asarray(x, "float32") for key, x in values.items()}

    return compute


def key_of(kind, name, names):
    """The key of what is collected of an output.

    Args:
        kind: "logits" or "labels".
        name: Name of the output.
        names: Those of all outputs.

    Returns:
        `kind` alone for a single output.
    """
    return f"{kind} of {name}" if len(names) > 1 else kind


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


def collect_outputs(function, source, labels_of=None, size=_BATCH_SIZE):
    """Teacher outputs, junk measures and color statistics of each image.

    Other inputs than images have no colors.

    Args:
        function: As returned by `output_function`.
        source: A `tfdcu.data.Source`.
        labels_of: Function from the labels of a batch to a dict of arrays to
            keep. Defaults to `None`: all as `labels`.
        size: Int, how many images the teacher sees at once. Defaults to 128.

    Returns:
        Dict of arrays with one row per image; includes what `labels_of` gives
        for a labeled source.

    Raises:
        ValueError: If a logit is not finite.
    """
    labels_of = labels_of or (lambda labels: {"labels": labels})
    parts = []
    with ProgressBar("diagnosis", source.num_images, leave=False) as bar:
        for batch in source.batches(source.at_once(size)):
            images, *labels = batch if source.labeled else (batch,)
            pixels = images.numpy()
            statistics = junk_measures(pixels, source.value_range)
            if source.value_range is not None:
                statistics |= color_levels(pixels)
            for one in labels:
                statistics |= labels_of(one.numpy())
            parts.append({**function(images), **statistics})
            bar.update(len(pixels))
    rows = {key: np.concatenate([p[key] for p in parts]) for key in parts[0]}
    logits = [rows[key] for key in rows if key.startswith("logits")]
    if not all(np.isfinite(values).all() for values in logits):
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
