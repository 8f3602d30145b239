"""How channels pass through each type of layer: the registry of rules.

A rule is a function of a `Step`. It reads the labels of the inputs
(`step.axes()`), begins new ones where a layer makes channels
(`step.new(...)`), says which weight axes carry them (`step.weight(...)`) and
which config entries count them (`step.size(...)`), and returns the labels of
the outputs: a list with one entry an axis (a list of such lists for several
outputs). What has no rule is unprunable: the channels that reach it are kept.
"""

import keras

RULES = {}


def register_rule(*kinds, rule=None):
    """Tells `prune_channels` how channels pass through a custom layer.

    Without a rule a custom layer is unprunable: nothing that touches it is
    removed, which is safe and saves less. Most layers need one line, with
    `pass_through` (no weights, every position of the channel axis by itself)
    or `per_channel(...)` (one vector of weights along the channel axis).

    Args:
        kinds: Layer classes, or strings "module.Class". A rule holds for the
            class itself, not for its subclasses, whose `call` may differ.
        rule: A function of one `Step`, see the example. Left out, the
            function is a decorator.

    Returns:
        The rule, or a decorator.

    Raises:
        ValueError: If a kind is neither a class nor a string.

    Example: a layer with one factor a channel, and one that makes channels.

    >>> register_rule(LayerScale, rule=per_channel("gamma", config="dim"))
    >>> @register_rule(MyDense)
    ... def my_dense(step):
    ...     axes = step.axes()
    ...     made = step.new("out", step.op.units)
    ...     step.weight(step.op.w, 0, axes[-1], "in")
    ...     step.weight(step.op.w, 1, made, "out")
    ...     step.size("units", made)
    ...     return axes[:-1] + [made]
    """
    for kind in kinds:
        if not isinstance(kind, (type, str)):
            raise ValueError(
                "The rule cannot be registered. Expected layer classes or "
                f'strings "module.Class". Received: {kind!r}.'
            )

    def register(function):
        RULES.update(dict.fromkeys(kinds, function))
        return function

    return register if rule is None else register(rule)


def find_rule(op):
    """The rule of a layer or operation; `unprunable` where there is none."""
    kind = type(op)
    if kind in RULES:
        rule = RULES[kind]
    elif kind.__module__.startswith("keras.src.ops."):
        rule = RULES.get(f"ops.{kind.__name__}", unprunable)
    else:
        rule = RULES.get(f"{kind.__module__}.{kind.__name__}", unprunable)
    changed = getattr(op, "quantization_mode", None)
    if changed or getattr(op, "lora_enabled", False):
        return unprunable
    return rule


def unprunable(step):
    """Keeps every channel that reaches the layer, and all that it makes."""
    kind = type(step.op).__name__
    for tensor in step.inputs:
        for labels in step.axes(tensor):
            step.fix(labels, f"no rule for {kind} {step.path!r}")
    return [[None] * len(t.shape or ()) for t in step.node.outputs]


def pass_through(step):
    """No weights, and every position depends on itself alone."""
    return step.axes()


def per_channel(*weights, axis=-1, config=None):
    """A rule for layers with one vector of weights along the channel axis.

    Args:
        weights: Names of the attributes that hold the vectors.
        axis: The channel axis.
        config: Name of the config entry that holds the number of channels,
            if there is one.

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


# Every one maps an element by itself, whatever its neighbors are.
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


def activate(step, axes, function):
    """Labels after an activation function: over an axis it keeps that axis.

    A function of the user's own may mix channels, so it is unprunable.
    """
    kind = type(function)
    if function is None or function in _ELEMENTWISE:
        return axes
    if kind is keras.layers.LeakyReLU or kind is keras.layers.ReLU:
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
    """Keeps what lies along these axes; returns the axes with `None` there."""
    dims = {dim % len(axes) for dim in dims}
    for dim in dims:
        step.fix(axes[dim], why)
    return [None if d in dims else labels for d, labels in enumerate(axes)]


def fix_rest(step, tensors):
    """Keeps all that lies in the inputs other than these, such as masks."""
    for tensor in step.inputs:
        if not any(tensor is one for one in tensors):
            axes = step.axes(tensor)
            fix_axes(step, axes, range(len(axes)))


def channel_axis(op):
    """Index of the channel axis by `data_format`."""
    first = getattr(op, "data_format", None) == "channels_first"
    return 1 if first else -1


def dims_of(axis, rank):
    """Numbers of the axes that an operation's `axis` means."""
    if axis is None:
        return range(rank)
    if isinstance(axis, (list, tuple)):
        return [dim % rank for dim in axis]
    return [axis % rank]


def layers_named(*names):
    """Those of the layers that the installed Keras has."""
    known = keras.layers
    return [getattr(known, name) for name in names if hasattr(known, name)]


def ops_named(names):
    """Kinds for `register_rule` of operations in `keras.ops`, by class."""
    return [f"ops.{name}" for name in names.split()]
