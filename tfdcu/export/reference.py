"""What a Keras model gives, for its LiteRT files to be compared with."""

import warnings

import keras
import numpy as np

from tfdcu.export.images import as_fit_takes
from tfdcu.export.images import take_images
from tfdcu.export.saved_model import check_model
from tfdcu.export.saved_model import dtype_of
from tfdcu.export.saved_model import names_in_file
from tfdcu.graph.ends import are_probabilities
from tfdcu.graph.float32 import as_float32
from tfdcu.graph.heads import head_kinds
from tfdcu.graph.images import are_images
from tfdcu.graph.inference import compiled


def keras_reference(model, images, *, value_range, num_images, seed):
    """The images and Keras logits that all formats are compared with.

    Args:
        model: See `check_litert`.
        images: See `check_litert`.
        value_range: See `check_litert`.
        num_images: See `check_litert`.
        seed: See `check_litert`.

    Returns:
        A dict: `images`, float32 `(n, height, width, channels)`; `outputs`, a
        dict by name in the file of dicts of `logits`, the model's outputs, and
        `probabilities` made of them, float32 `(n, ..., classes)`, `kind`, what
        they answer, and `output`, "probabilities" if the model gives those,
        else "logits"; `given`, whether the caller passed the images.
    """
    shape = check_model(model)
    given = images is not None
    if given:
        images = as_fit_takes(model, images, num_images)
        dtype = dtype_of(model.inputs[0])
        images = take_images(images, num_images, shape, value_range, dtype)
    else:
        images = _noise(model, num_images, value_range, seed)
    found = keras.tree.flatten(compiled(as_float32(model))(images))
    outputs = {}
    for name, tensor, kind, logits in zip(
        names_in_file(model), model.outputs, head_kinds(model), found
    ):
        logits = np.asarray(logits, "float32")
        if kind is None:
            # A linear one, which nothing is known of; one number is a label.
            kind = "classes" if logits.shape[-1] > 1 else "labels"
        own = are_probabilities(tensor)
        outputs[name] = {
            "logits": logits,
            "probabilities": logits
            if own
            else probabilities_of(logits, kind == "labels"),
            "kind": kind,
            "output": "probabilities" if own else "logits",
        }
    return {"images": images, "outputs": outputs, "given": given}


def probabilities_of(logits, multi_label=False):
    """The softmax of rows of logits; of a single logit its sigmoid.

    Args:
        logits: Float (n, ..., classes).
        multi_label: Whether each label has a sigmoid of its own. Defaults to
            `False`.

    Returns:
        Float (n, ..., classes), of the same dtype.
    """
    if logits.shape[-1] == 1 or multi_label:
        return 1 / (1 + np.exp(-logits))
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def _noise(model, num, value_range, seed):
    warnings.warn(
        "No images were given, so the LiteRT file is only checked on random "
        "noise: agreement on real images is unknown. Pass `images`.",
        stacklevel=4,
    )
    return noise_for(model, num, value_range, seed)


def noise_for(model, num, value_range=(0.0, 1.0), seed=0):
    """Random inputs of a model: pixels, normal numbers, or the ids 0 and 1.

    Args:
        model: A `keras.Model` with one input.
        num: Number of them.
        value_range: `(low, high)` of pixels.
        seed: Int.

    Returns:
        Array (num, ...), float32 or of the model's integers.
    """
    (given,) = model.inputs
    generator = np.random.default_rng(seed)
    size = (num, *given.shape[1:])
    if dtype_of(given) != "float32":
        return generator.integers(0, 2, size).astype(dtype_of(given))
    if not are_images(given.shape[1:]):
        return generator.normal(size=size).astype("float32")
    return generator.uniform(*value_range, size).astype("float32")
