"""Pruning rules for elementwise layers and operations."""

import numpy as np
from keras import layers

from tfdcu.graph.graph import Tensor
from tfdcu.pruning.rules.broadcast import broadcast
from tfdcu.pruning.rules.registry import activate
from tfdcu.pruning.rules.registry import fix_axes
from tfdcu.pruning.rules.registry import layers_named
from tfdcu.pruning.rules.registry import ops_named
from tfdcu.pruning.rules.registry import pass_through
from tfdcu.pruning.rules.registry import per_channel
from tfdcu.pruning.rules.registry import register_rule
from tfdcu.pruning.rules.registry import unprunable

_UNARY = """
Absolute Fabs Cbrt Ceil Conjugate Copy Cos Cosh Exp Exp2 Expm1 Floor Imag
Isfinite Isinf Isnan Log Log10 Log1p Log2 LogicalNot NanToNum Negative OnesLike
Real Reciprocal Round Sign Sin Sinc Sinh Sqrt Square Tan Tanh Trunc ZerosLike
Arccos Arccosh Arcsin Arcsinh Arctan Arctanh Deg2rad Rad2deg Relu Relu6 Sigmoid
SparseSigmoid Softplus Softsign SoftShrink SparsePlus Silu Squareplus LogSigmoid
LeakyRelu HardSigmoid HardSilu Elu Selu Gelu Celu TanhShrink HardTanh HardShrink
Threshold Rsqrt Erf Erfc Erfinv StopGradient Cast SaturateCast ConvertToTensor
"""
_ARITHMETIC = """
Add Subtract Multiply Divide DivideNoNan TrueDivide Power FloorDivide Mod Fmod
Maximum Minimum Fmax Fmin Arctan2 Hypot Logaddexp Logaddexp2 Equal NotEqual
Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr LogicalXor Where
"""

register_rule(
    *layers_named(
        "ActivityRegularization",
        "ELU",
        "GaussianDropout",
        "GaussianNoise",
        "Identity",
        "LeakyReLU",
        "ReLU",
        "SpatialDropout1D",
        "SpatialDropout2D",
        "SpatialDropout3D",
    ),
    rule=pass_through,
)
register_rule(
    "keras.src.applications.convnext.LayerScale",
    rule=per_channel("gamma", config="projection_dim"),
)
# Drops the path of an image, all channels at once.
register_rule(
    "keras.src.applications.convnext.StochasticDepth", rule=pass_through
)
register_rule(*ops_named(_UNARY), rule=pass_through)


@register_rule(*layers_named("Dropout", "AlphaDropout"))
def dropout(step):
    """Passes labels through; `noise_shape` follows the kept channels."""
    axes, shape = step.axes(), step.op.noise_shape
    if shape is None:
        return axes

    def change(config, count):
        config["noise_shape"] = [
            size if labels is None or size in (None, 1) else count(labels)
            for size, labels in zip(shape, axes[-len(shape) :])
        ]

    step.edit("noise_shape", axes, change)
    return axes


@register_rule(layers.Activation)
def activation(step):
    """As `activate` says for the function."""
    return activate(step, step.axes(), step.op.activation)


@register_rule(layers.PReLU)
def prelu(step):
    """One slope per position, or one for a shared axis."""
    axes = step.axes()
    for axis, size in enumerate(step.op.alpha.shape):
        shared = (step.op.shared_axes or ()) and (
            axis + 1 in step.op.shared_axes
        )
        if not shared:
            step.weight(step.op.alpha, axis, axes[axis + 1])
    return axes


@register_rule(layers.Rescaling)
def rescaling(step):
    """A scalar passes labels through; with one number per channel, keep all."""
    axes = step.axes()
    if np.ndim(step.op.scale) or np.ndim(step.op.offset):
        return fix_axes(step, axes, range(1, len(axes)))
    return axes


@register_rule(
    layers.Add,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.Subtract,
)
def merge(step):
    """Elementwise over the inputs, with broadcasting."""
    (values,) = [*step.node.args, *step.node.kwargs.values()]
    return broadcast(step, values)


@register_rule(*ops_named(_ARITHMETIC))
def arithmetic(step):
    """Elementwise over the arguments, with broadcasting."""
    values = [*step.node.args, *step.node.kwargs.values()]
    values = [
        v for v in values if isinstance(v, Tensor) or np.ndim(v)
    ] or values
    return broadcast(step, values)


@register_rule("ops.Clip")
def clip(step):
    """Passes labels through if the bounds are scalars."""
    bounds = [getattr(step.op, name, None) for name in ("x_min", "x_max")]
    if any(np.ndim(bound) for bound in bounds if bound is not None):
        return unprunable(step)
    return step.axes()
