"""TensorFlow operations in the graph of a Keras 2 model, as `keras.ops`."""

import warnings

import keras
from keras import ops

from tfdcu.models.keras2_config import CannotRead

# Layers of `keras.applications`, by the file of Keras 3 that has them.
_APPLICATIONS = {
    "CustomScaleLayer": "inception_resnet_v2",
    "LayerScale": "convnext",
    "StochasticDepth": "convnext",
}


def replacement(name, config):
    """What computes the same as a layer that Keras 3 no longer has.

    Args:
        name: Name of its class.
        config: Its config.

    Returns:
        A layer, a function of a tensor, or `None` for other layers.
    """
    if name in _APPLICATIONS:
        return keras.saving.deserialize_keras_object(
            {
                "module": f"keras.src.applications.{_APPLICATIONS[name]}",
                "class_name": name,
                "registered_name": name,
                "config": config,
            }
        )
    if name == "ThresholdedReLU":
        theta = float(config["theta"])
        return lambda x: x * ops.cast(x > theta, x.dtype)
    if name in ("RandomHeight", "RandomWidth"):
        warnings.warn(
            f"Keras 3 has no {name}: {config['name']!r} is left out, which "
            "changes training only.",
            stacklevel=2,
        )
        return keras.layers.Identity(name=config["name"])
    return None


def operation(config):
    """The function of a `TFOpLambda` or `SlicingOpLambda`.

    Args:
        config: Its config, with the name of the TensorFlow function.

    Returns:
        A function of what the TensorFlow function takes.

    Raises:
        CannotRead: If the operation is not in the list.
    """
    name = config["function"]
    if name not in _OPERATIONS:
        raise CannotRead(
            "it has an operation of TensorFlow that is not translated. "
            "Expected: arithmetic, activations, reductions, concat, reshape, "
            "cast, slices and the like; or the model made of layers, passed as "
            f"a keras.Model. Received: tf.{name} in {config.get('name')!r}"
        )
    function = _OPERATIONS[name]

    def call(*args, name=None, **kwargs):
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            raise CannotRead(
                "it has an operation of TensorFlow with arguments that are "
                "not translated. Expected: the usual ones. "
                f"Received: {config.get('name')!r} with {kwargs}: {error}"
            ) from error

    return call


def _getitem(tensor, slice_spec):
    def one(spec):
        if not isinstance(spec, dict):
            return spec
        if "class_name" in spec:
            return Ellipsis
        return slice(spec["start"], spec["stop"], spec["step"])

    many = isinstance(slice_spec, list)
    spec = tuple(map(one, slice_spec)) if many else one(slice_spec)
    return tensor[spec]


def _of_two(function):
    return lambda x, y: function(x, y)


def _of_one(function):
    def call(*args, **kwargs):
        # TensorFlow names it x, features, input or logits.
        (x,) = [*args, *kwargs.values()]
        return function(x)

    return call


def _reducing(function):
    def call(input_tensor, axis=None, keepdims=False):
        return function(input_tensor, axis=axis, keepdims=keepdims)

    return call


def _clip(t, clip_value_min, clip_value_max):
    return ops.clip(t, clip_value_min, clip_value_max)


def _reshape(tensor, shape):
    shape = [-1 if size is None else size for size in shape]
    if not all(isinstance(size, int) for size in shape):
        raise TypeError("the shape is computed")
    if shape[:1] == [-1]:
        return keras.layers.Reshape(shape[1:])(tensor)
    return ops.reshape(tensor, shape)


def _squeeze(input, axis=None, squeeze_dims=None):
    return ops.squeeze(input, squeeze_dims if axis is None else axis)


def _softmax(logits, axis=-1):
    return ops.softmax(logits, axis=-1 if axis is None else axis)


def _matmul(a, b, transpose_a=False, transpose_b=False):
    a = ops.swapaxes(a, -1, -2) if transpose_a else a
    b = ops.swapaxes(b, -1, -2) if transpose_b else b
    return ops.matmul(a, b)


def _transpose(a, perm=None, conjugate=False):
    if conjugate:
        raise TypeError("conjugate")
    return ops.transpose(a, perm)


def _divide(x, y):
    return ops.true_divide(x, y)


_OPERATIONS = {
    "__operators__.getitem": _getitem,
    "cast": lambda x, dtype: ops.cast(x, dtype),
    "clip_by_value": _clip,
    "compat.v1.squeeze": _squeeze,
    "compat.v1.transpose": _transpose,
    "concat": lambda values, axis: ops.concatenate(values, axis),
    "expand_dims": lambda input, axis: ops.expand_dims(input, axis),
    "linalg.matmul": _matmul,
    "nn.leaky_relu": lambda features, alpha=0.2: ops.leaky_relu(
        features, alpha
    ),
    "nn.gelu": lambda features, approximate=False: ops.gelu(
        features, approximate
    ),
    "nn.softmax": _softmax,
    "reshape": _reshape,
    "squeeze": _squeeze,
    "stack": lambda values, axis=0: ops.stack(values, axis),
    "transpose": _transpose,
}
for _names, _wrap in (
    (
        {
            "__operators__.add": ops.add,
            "math.add": ops.add,
            "math.subtract": ops.subtract,
            "math.multiply": ops.multiply,
            "math.divide": _divide,
            "math.truediv": _divide,
            "math.maximum": ops.maximum,
            "math.minimum": ops.minimum,
            "math.pow": ops.power,
        },
        _of_two,
    ),
    (
        {
            "identity": lambda x: x,
            "math.abs": ops.abs,
            "math.exp": ops.exp,
            "math.log": ops.log,
            "math.negative": ops.negative,
            "math.rsqrt": ops.rsqrt,
            "math.sigmoid": ops.sigmoid,
            "math.softplus": ops.softplus,
            "math.sqrt": ops.sqrt,
            "math.square": ops.square,
            "math.tanh": ops.tanh,
            "nn.elu": ops.elu,
            "nn.relu": ops.relu,
            "nn.relu6": ops.relu6,
            "nn.selu": ops.selu,
            "nn.sigmoid": ops.sigmoid,
            "nn.silu": ops.silu,
            "nn.swish": ops.silu,
            "nn.tanh": ops.tanh,
            "ones_like": ops.ones_like,
            "zeros_like": ops.zeros_like,
        },
        _of_one,
    ),
    (
        {
            "math.reduce_max": ops.max,
            "math.reduce_mean": ops.mean,
            "math.reduce_min": ops.min,
            "math.reduce_prod": ops.prod,
            "math.reduce_std": ops.std,
            "math.reduce_sum": ops.sum,
            "math.reduce_variance": ops.var,
        },
        _reducing,
    ),
):
    _OPERATIONS |= {name: _wrap(fn) for name, fn in _names.items()}
