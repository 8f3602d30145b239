"""Convert a SavedModel to a LiteRT file."""

import re
import warnings

import keras
import numpy as np

from tfdcu.export.quiet import quiet
from tfdcu.export.shared_parts import share_equal_parts
from tfdcu.export.sparse import densify_fully_connected
from tfdcu.export.weight8 import store_weights_as_int8
from tfdcu.graph.keras_private import all_layers
from tfdcu.workdir.full_disk import is_full

# With fewer calibration images the int8 ranges are unreliable.
FEW_IMAGES = 100
# Formats that compute in integers.
INTEGER = ("int8", "int8_weight4")


def convert(saved_model, name, sparse, calibration, value_range, io="float32"):
    """Converts a SavedModel for single images to LiteRT in one format.

    Only LiteRT's built-in operators are allowed, no Flex operators. Operators
    without an int8 kernel stay float in the int8 format.

    Args:
        saved_model: Folder of a SavedModel from `save_single_image`.
        name: A format of `export_litert`.
        sparse: Whether to use the sparse encoding.
        calibration: float32 `(n, height, width, channels)` for `"int8"`;
            `None` for a model that holds its ranges.
        value_range: `(low, high)` of the pixels, or `None` of other inputs.
        io: Input and output of the int8 format, see `export_litert`.

    Returns:
        The content of the file as `bytes`.

    Raises:
        ValueError: If LiteRT cannot convert the model to this format.
    """
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model)
    optimizations = []
    if name not in ("float32", "weight8"):
        optimizations.append(tf.lite.Optimize.DEFAULT)
    if sparse:
        optimizations.append(tf.lite.Optimize.EXPERIMENTAL_SPARSITY)
    converter.optimizations = optimizations
    if name == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if name in INTEGER:
        if calibration is not None:
            batches = _calibration_batches(calibration, value_range)
            converter.representative_dataset = lambda: ([b] for b in batches)
            converter.target_spec.supported_ops = [
                tf.lite.OpsSet.TFLITE_BUILTINS_INT8
            ]
        converter.inference_input_type = tf.dtypes.as_dtype(io)
        converter.inference_output_type = tf.dtypes.as_dtype(io)
    try:
        with quiet():
            content = converter.convert()
            if sparse and name in INTEGER:
                content = densify_fully_connected(content)
            if name == "weight8":
                content = store_weights_as_int8(content)
            # Floats have no scales and zero points.
            is_float = name in ("float32", "float16")
            return content if is_float else share_equal_parts(content)
    except Exception as error:
        if is_full(error):
            raise
        # The converter's error class is private.
        raise ValueError(
            f"LiteRT cannot convert the model to {name}. Expected: layers that "
            "LiteRT's built-in operators support. Received: "
            f"{_unsupported(str(error))}"
        ) from error


def crashed(model, name, error):
    """The message for a model whose conversion ended its process.

    Args:
        model: The `keras.Model`.
        name: The format.
        error: What is known of the crash.

    Returns:
        A string in three parts, with the layer that is to blame, if known.
    """
    looped = [
        repr(layer.name)
        for layer in all_layers(model)
        if isinstance(layer, keras.layers.RNN)
        and not getattr(layer, "unroll", False)
    ]
    where = f" on recurrent layers: {', '.join(looped)}" if looped else ""
    way_out = "unroll=True in these layers" if looped else "other layers"
    return (
        f"LiteRT's converter to {name} crashed{where}. Expected: {way_out}, "
        f"or another format. Received: {error}"
    )


def _calibration_batches(calibration, value_range):
    if len(calibration) < FEW_IMAGES:
        warnings.warn(
            f"int8 is calibrated on only {len(calibration)} images; use at "
            f"least {FEW_IMAGES} for reliable ranges.",
            stacklevel=6,
        )
    if value_range is None:
        return [values[None] for values in calibration]
    low, high = value_range
    # Beyond the range there are no pixels: uint8 then takes photos as they are.
    calibration = np.clip(calibration, low, high)
    batches = [image[None] for image in calibration]  # (1, h, w, c)
    if calibration.min() > low or calibration.max() < high:
        full_range = calibration[:1].copy()
        full_range[0, 0, 0], full_range[0, -1, -1] = low, high
        batches.append(full_range)
    return batches


def _unsupported(message):
    """The operators in the converter's message, else its first characters."""
    operators = re.findall(r"'tf\.(\w+)' op is neither", message)
    return ", ".join(sorted(set(operators))) or message.strip()[:500]
