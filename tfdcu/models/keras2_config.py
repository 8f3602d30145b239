"""Configs of Keras 2 as arguments of the layers of Keras 3."""

import inspect

import keras


class CannotRead(ValueError):
    """A file of Keras 2 has what Keras 3 cannot compute."""


# What Keras 2 could save and Keras 3 has, without layers that hold Python code,
# tables of words or names of files.
_SPACE = "1D", "2D", "3D"
_LAYERS = {
    *"""
    Activation ActivityRegularization Add AdditiveAttention AlphaDropout
    Attention Average BatchNormalization Bidirectional CategoryEncoding
    CenterCrop Concatenate Dense DepthwiseConv1D DepthwiseConv2D Discretization
    Dot Dropout ELU EinsumDense Embedding Flatten GRU GRUCell GaussianDropout
    GaussianNoise GroupNormalization Hashing HashedCrossing Identity LSTM
    LSTMCell LayerNormalization LeakyReLU Masking Maximum Minimum
    MultiHeadAttention Multiply Normalization PReLU Permute RNN RandomBrightness
    RandomContrast RandomCrop RandomFlip RandomRotation RandomTranslation
    RandomZoom ReLU RepeatVector Rescaling Reshape Resizing SeparableConv1D
    SeparableConv2D SimpleRNN SimpleRNNCell Softmax SpectralNormalization
    StackedRNNCells Subtract TimeDistributed UnitNormalization
    """.split(),
    *(
        name + rank
        for rank in _SPACE
        for name in (
            "AveragePooling ConvLSTM Conv Cropping GlobalAveragePooling "
            "GlobalMaxPooling MaxPooling SpatialDropout UpSampling ZeroPadding"
        ).split()
    ),
    *(f"Conv{rank}Transpose" for rank in _SPACE),
}
# Entries with these values compute what Keras 3 has no layer for.
_OTHER = {
    "time_major": "steps in the first axis",
    "renorm": "batch renormalization",
    "virtual_batch_size": "virtual batches",
    "ragged": "ragged tensors",
}
_RENAMED = {"LeakyReLU": {"alpha": "negative_slope"}}
_ACTIVATIONS = {"softmax_v2": "softmax", "swish": "silu"}


@keras.saving.register_keras_serializable(package="tfdcu")
def hard_sigmoid_of_keras_2(x):
    """clip(0.2 x + 0.5, 0, 1); that of Keras 3 has a slope of 1/6."""
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def arguments_of(name, config):
    """The class of Keras 3 and its arguments, for a layer of Keras 2.

    Args:
        name: Name of the class.
        config: Its config as Keras 2 wrote it.

    Returns:
        (class, dict of keyword arguments). Initializers are left out: the
        weights are known. So is `trainable`, to be set afterwards.

    Raises:
        CannotRead: If Keras 3 has no such layer, or none that computes that.
    """
    if name not in _LAYERS:
        raise CannotRead(
            "it has a layer that Keras 3 does not know, or that holds code or "
            "tables. Expected: another layer of Keras, or its class in "
            "custom_objects={'Name': Class}. "
            f"Received: the {name} layer {config.get('name')!r}"
        )
    kind = getattr(keras.layers, name)
    for key, what in _OTHER.items():
        if config.get(key):
            raise CannotRead(
                f"it has a layer that computes with {what}, which those of "
                f"Keras 3 do not. Expected: {key} that is not set. Received: "
                f"the {name} layer {config.get('name')!r} with "
                f"{key}={config[key]!r}"
            )
    renamed = _RENAMED.get(name, {})
    config = {renamed.get(key, key): v for key, v in config.items()}
    known = _parameters(kind)
    arguments = {
        key: _value(key, value)
        for key, value in config.items()
        if key in known and not key.endswith("_initializer")
    }
    if name == "BatchNormalization":
        arguments["axis"] = _single(arguments["axis"], name, config)
    if arguments.get("dtype") is None:
        arguments.pop("dtype", None)
    return kind, arguments


def _parameters(kind):
    """Names that the constructors of a class and its bases take."""
    names = {"name", "dtype", "activity_regularizer"}
    for base in kind.__mro__:
        if base is keras.layers.Layer:
            break
        taken = inspect.signature(base.__init__).parameters
        names |= set(taken)
        if "kwargs" not in taken:
            break
    # Not all layers take the last one.
    return names - {"self", "args", "kwargs", "trainable"}


def _value(key, value):
    if key == "dtype" and isinstance(value, dict):
        return value["config"]["name"]
    if key.endswith("activation") and value is not None:
        name = value if isinstance(value, str) else value["class_name"]
        if name == "hard_sigmoid":
            return hard_sigmoid_of_keras_2
        return _ACTIVATIONS.get(name, value)
    return value


def _single(axis, name, config):
    if not isinstance(axis, (list, tuple)):
        return axis
    if len(axis) == 1:
        return axis[0]
    raise CannotRead(
        "it has a layer that normalizes over several axes, which that of Keras "
        f"3 does not. Expected: one axis. Received: the {name} layer "
        f"{config.get('name')!r} with axis={axis!r}"
    )
