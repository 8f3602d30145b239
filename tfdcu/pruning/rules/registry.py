"""Registry of pruning rules by layer type.

A rule is a function of a `Step`. It reads the labels of the inputs
(`step.axes()`), creates labels for the channels that the layer produces
(`step.new(...)`), declares the weight axes (`step.weight(...)`) and config
entries (`step.size(...)`) that follow them, and returns the labels of the
output: a list with one entry per axis (for several outputs, a list of such
lists). A layer without a rule is unprunable: its input channels are kept.
"""

import keras
import numpy as np

from tfdcu.graph.keras_private import is_of_keras_ops

RULES = {}


def register_rule(*kinds, rule=None):
    """Registers a pruning rule for a custom layer.

    Without a rule a custom layer is unprunable: the channels it receives are
    kept, which is safe but saves less. Most layers need one line, with
    `pass_through` (no weights, each channel independent of the others) or
    `per_channel(...)` (one weight vector along the channel axis).

    Args:
        kinds: Layer classes, or strings "module.Class". A rule holds for the
            class itself, not for its subclasses, whose `call` may differ.
        rule: A function of a `Step`, see the example. Defaults to `None`:
            return a decorator.

    Returns:
        The rule, or a decorator.

    Raises:
        ValueError: If a kind is neither a class nor a string.

    Example: a layer with one scale per channel, and a layer like `Dense`.

    >>> register_rule(LayerScale, rule=per_channel("gamma", config="dim"))
    >>> @register_rule(MyDense)
    ... def my_dense(step):
    ...     axes = step.axes()
    ...     out = step.new("out", step.op.units)
    ...     step.weight(step.op.w, 0, axes[-1], "in")
    ...     step.weight(step.op.w, 1, out, "out")
    ...     step.size("units", out)
    ...     return axes[:-1] + [out]
    """
    for kind in kinds:
        if not isinstance(kind, (type, str)):
            raise ValueError(
                "The rule cannot be registered. Expected: layer classes or "
                f'strings "module.Class". Received: {kind!r}.'
            )

    def register(function):
        RULES.update(dict.fromkeys(kinds, function))
        return function

    return register if rule is None else register(rule)


def find_rule(op):
    """The rule of a layer or operation, by default `unprunable`."""
    kind = type(op)
    if kind in RULES:
        rule = RULES[kind]
    elif is_of_keras_ops(kind):
        rule = RULES.get(f"ops.{kind.__name__}", unprunable)
    else:
        rule = RULES.get(f"{kind.__module__}.{kind.__name__}", unprunable)
    quantized = getattr(op, "quantization_mode", None)
    if quantized or getattr(op, "lora_enabled", False):
        return unprunable
    return rule


def has_rule(op):
    """Whether a rule is registered for the class of a custom layer."""
    kind = type(op)
    return kind in RULES or f"{kind.__module__}.{kind.__name__}" in RULES


def unprunable(step, reason=None):
    """Keeps all channels that the layer receives or produces.

    Args:
        step: The `Step`.
        reason: Why, as text. Defaults to `None`: why it was not opened.
    """
    why = f"no rule for {type(step.op).__name__} {step.path!r}"
    reason = reason or step.trace.closed.get(step.op.name)
    why = f"{why}: {reason}" if reason else why
    step.trace.unruled[step.path] = why
    for tensor in step.inputs:
        for labels in step.axes(tensor):
            step.fix(labels, why)
    return [[None] * len(t.shape or ()) for t in step.node.outputs]


def pass_through(step):
    """Rule for layers without weights whose channels are independent."""
    return step.axes()


def per_channel(*weights, axis=-1, config=None):
    """Rule for layers with weight vectors along the channel axis.

    Args:
        weights: Names of the attributes that hold the vectors.
        axis: Channel axis. Default -1.
        config: Name of the config entry that holds the number of channels.
            Defaults to `None`: there is none.

    Returns:
        A rule for `register_rule`.
    """

    def rule(step):
        axes = step.axes()
        for name in weights:
            step.weight(getattr(step.op, name), -1, axes[axis], "scale")
        if config is not None:
            step.size(config, axes[axis])
        return axes

    return rule


# Elementwise functions.
_ELEMENTWISE = {
    getattr(keras.activations, name)
    for name in (
        "celu elu exponential gelu hard_shrink hard_sigmoid hard_silu "
        "hard_tanh leaky_relu linear log_sigmoid mish relu relu6 selu sigmoid "
        "silu soft_shrink softplus softsign sparse_plus squareplus swish tanh "
        "tanh_shrink threshold"
    ).split()
    if hasattr(keras.activations, name)
}
_OVER_LAST = {
    keras.activations.softmax,
    keras.activations.log_softmax,
    keras.activations.sparsemax,
}


def is_elementwise(function):
    """Whether each value a function returns depends on one value only.

    It is tried: of random values one after the other is changed, and only
    its own place may change.
    """
    generator = np.random.default_rng(0)
    before = generator.normal(size=(2, 3, 4)).astype("float32")
    after = generator.normal(size=before.shape).astype("float32") * 3
    try:
        expected, other = np.asarray(function(before)), function(after)
        if expected.shape != before.shape:
            return False
        for place in np.ndindex(*before.shape):
            changed = before.copy()
            changed[place] = after[place]
            wanted = expected.copy()
            wanted[place] = np.asarray(other)[place]
            if not np.array_equal(np.asarray(function(changed)), wanted):
                return False
    except Exception:
        # Not a function of arrays: nothing is known of it.
        return False
    return True


def activate(step, axes, function):
    """Labels after an activation function; softmax keeps its axis.

    A custom function that mixes channels is unprunable.
    """
    kind = type(function)
    if function is None or function in _ELEMENTWISE:
        return axes
    if kind is keras.layers.LeakyReLU or kind is keras.layers.ReLU:
        return axes
    if function not in _OVER_LAST and is_elementwise(function):
        return axes
    name = getattr(function, "__name__", repr(function))
    why = f"activation {name!r} of {step.path!r} mixes channels"
    if function in _OVER_LAST:
        step.fix(axes[-1], why)
        return axes
    for labels in axes:
        step.fix(labels, why)
    return axes


def fix_axes(step, axes, dims, why=None):
    """Keeps all channels on these axes; returns `None` for them."""
    dims = {dim % len(axes) for dim in dims}
    for dim in dims:
        step.fix(axes[dim], why)
    return [None if d in dims else labels for d, labels in enumerate(axes)]


def fix_rest(step, tensors):
    """Keeps all channels of inputs other than these, such as masks."""
    for tensor in step.inputs:
        if not any(tensor is other for other in tensors):
            axes = step.axes(tensor)
            fix_axes(step, axes, range(len(axes)))


def channel_axis(op):
    """Index of the channel axis, by `data_format`."""
    first = getattr(op, "data_format", None) == "channels_first"
    return 1 if first else -1


def dims_of(axis, rank):
    """An operation's `axis` argument as non-negative axis numbers."""
    if axis is None:
        return range(rank)
    if isinstance(axis, (list, tuple)):
        return [dim % rank for dim in axis]
    return [axis % rank]


def layers_named(*names):
    """The layer classes of these names that the installed Keras has."""
    known = keras.layers
    return [getattr(known, name) for name in names if hasattr(known, name)]


def ops_named(names):
    """Kinds for `register_rule`, from class names of `keras.ops` operations."""
    return [f"ops.{name}" for name in names.split()]
