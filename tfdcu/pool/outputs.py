"""One pass of a teacher over images: its answers, the junk and the colors."""

import keras
import numpy as np
import tensorflow as tf

from tfdcu.data import Source
from tfdcu.data import color_levels
from tfdcu.data import junk_measures
from tfdcu.data import open_source
from tfdcu.graph.graph import read_graph
from tfdcu.models.resize import resized

_BATCH_SIZE = 128


def opened(images, teacher, *, image_shape=None, **options):
    """Images as a source, at the teacher's own size unless another is given.

    Args:
        images: Anything `tfdcu.data.open_source` takes.
        teacher: A functional `keras.Model`.
        image_shape: (height, width, channels); `None` for the teacher's own,
            or the images' own where the teacher takes any size or they are
            opened already.
        **options: Keywords of `open_source`.

    Returns:
        A `tfdcu.data.Source`.
    """
    if image_shape is None and not isinstance(images, Source):
        shape = teacher.input_shape[1:]
        image_shape = None if None in shape else shape
    return open_source(images, image_shape=image_shape, **options)


def check_layer(teacher, layer):
    """Raise if the teacher has no layer of that name."""
    known = [one.name for one in teacher.layers]
    if layer not in known:
        raise ValueError(
            "The layer is not in the teacher. Expected: one of "
            f"{known}. Received: layer={layer!r}"
        )


def penultimate(teacher):
    """What the teacher's choice is made from, as a symbolic tensor.

    Args:
        teacher: A functional `keras.Model` that gives logits.

    Returns:
        The input of its last layer with weights, (batch, ..., channels); the
        logits where that layer stands inside of a nested model or is called
        twice.
    """
    weighted = [node for node in read_graph(teacher).nodes if has_weights(node)]
    last = weighted[-1] if weighted else None
    if last is None or "/" in last.path or len(last.op._inbound_nodes) > 1:
        return teacher.output
    return last.op.input


def has_weights(node):
    """Whether a node of a graph is a call of a layer with weights."""
    return bool(getattr(node.op, "weights", ()))


def mean_over_places(features):
    """Each channel's mean over the image: (batch, channels)."""
    axes = list(range(1, len(features.shape) - 1))
    return tf.reduce_mean(features, axes) if axes else features


def output_function(teacher, **taps):
    """The teacher as a function from images to all that is asked of it.

    Args:
        teacher: A functional `keras.Model` that gives logits.
        **taps: By the name of the answer, a pair of a symbolic tensor of the
            teacher and a function from its float32 values to (batch, n).

    Returns:
        A function from images (batch, height, width, channels) to a dict of
        float32 arrays: `logits` (batch, classes), and the taps.
    """
    outputs = {"logits": teacher.output}
    outputs |= {name: tensor for name, (tensor, _) in taps.items()}
    # Keras counts models that have no name, and so renames later ones.
    model = keras.Model(teacher.input, outputs, name="outputs")

    def ask(images):
        images = resized(images, teacher.input_shape)
        answers = model(images, training=False)
        for name, (_, function) in taps.items():
            answers[name] = function(tf.cast(answers[name], tf.float32))
        return {key: np.asarray(x, "float32") for key, x in answers.items()}

    return ask


def collect_outputs(tap, source, counter=None):
    """What the teacher says of each image, what tells junk, and its colors.

    Args:
        tap: What `output_function` gave.
        source: A `tfdcu.data.Source`.
        counter: Optional `tfdcu.report.ProgressBar` of images.

    Returns:
        Dict of arrays, a row for each image; `labels` too where there are
        some.

    Raises:
        ValueError: If a logit is not finite.
    """
    parts = []
    for batch in source.batches(_BATCH_SIZE):
        images, *labels = batch if source.labeled else (batch,)
        pixels = images.numpy()
        seen = {
            **junk_measures(pixels, source.value_range),
            **color_levels(pixels),
        }
        beside = {"labels": labels[0].numpy()} if labels else {}
        parts.append({**tap(images), **seen, **beside})
        if counter is not None:
            counter.update(len(images))
    rows = {key: np.concatenate([p[key] for p in parts]) for key in parts[0]}
    if not np.isfinite(rows["logits"]).all():
        raise ValueError(
            "The teacher's answers cannot be used. Expected: finite logits. "
            f"Received: NaN or infinity for images of {source.name}"
        )
    return rows


def rounded(found):
    """A flat dict of what was found, in plain types.

    Floats are to four digits, in lists, such as shares of many classes, to
    four that count.
    """
    return {name: _rounded(value) for name, value in found.items()}


def _rounded(value):
    if isinstance(value, list):
        return [
            float(f"{one:.4g}") if isinstance(one, float) else one
            for one in value
        ]
    return round(float(value), 4) if isinstance(value, float) else value
