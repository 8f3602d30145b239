"""Keras layers that compute as the integers of a LiteRT file will.

Values stay floats, but lie on the grid of 8 or 4 bits. Gradients pass through
the rounding as if it were not there (straight-through estimator, Bengio et
al. 2013, arXiv:1308.3432); beyond the ends of a range they stop. The grids do
not move in training.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from keras import ops

from tfdcu.graph.kernels import kernel_of
from tfdcu.graph.kernels import set_kernel
from tfdcu.quantization.gptq import move_kernel
from tfdcu.quantization.kernel_ranges import best_ranges
from tfdcu.quantization.kernel_ranges import num_levels
from tfdcu.quantization.kernel_ranges import rounded

# Most steps of a bias: half of those of 32 bits, as training moves it.
_BIAS_STEPS = 2**30

register = keras.saving.register_keras_serializable("tfdcu")


@register
class FakeQuantize(layers.Layer):
    """Rounds a tensor to 256 steps; zero is always one of them.

    Args:
        low, high: Floats, the ends of the range, `low <= 0 <= high`.
        activation: `"relu"`, `"relu6"` or `None`: what LiteRT computes in one
            operator with what is before it. Defaults to `None`.
    """

    def __init__(self, low=0.0, high=1.0, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.low, self.high = float(low), float(high)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        # The converter knows ends that are variables, not computed ones.
        self.minimum = _constant(self, "minimum", (), self.low)
        self.maximum = _constant(self, "maximum", (), self.high)

    @property
    def step(self):
        """The distance of two steps."""
        return (self.high - self.low) / 255

    def call(self, inputs):
        return tf.quantization.fake_quant_with_min_max_vars(
            self.activation(inputs),
            ops.convert_to_tensor(self.minimum),
            ops.convert_to_tensor(self.maximum),
        )

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "low": self.low,
            "high": self.high,
            "activation": keras.activations.serialize(self.activation),
        }


class QuantizedKernel:
    """A layer whose kernel is rounded, each output channel on its own grid.

    The grid is symmetric about zero. A weight that is exactly zero stays zero
    in training. The bias is rounded to the steps in which LiteRT adds it.

    Args:
        weight_bits: 8 or 4.
        input_step: Float, distance of two steps of the inputs; 0 where they
            have several. Defaults to 0.
    """

    def __init__(self, *args, weight_bits=8, input_step=0.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.weight_bits, self.input_step = weight_bits, input_step

    def build(self, input_shape):
        super().build(input_shape)
        channels = self.kernel_as_rows(self.kernel.shape)[-1:]
        self.minimum = _constant(self, "minimum", channels, -1.0)
        self.maximum = _constant(self, "maximum", channels, 1.0)

    def kernel_as_rows(self, shape):
        """The kernel's shape with all output channels in the last axis."""
        return tuple(shape)

    def fit_ranges(self):
        """Sets each channel's range to that with the least squared error.

        It is wider where the bias would have too many steps for 32 bits, as
        beside weights or inputs that are nearly zero.
        """
        channels = self.maximum.shape[0]
        kernel = np.reshape(self.kernel.numpy(), (-1, channels))
        ends = best_ranges(kernel, self.weight_bits)
        if self.input_step:
            most = _BIAS_STEPS * self.input_step / num_levels(self.weight_bits)
            ends = np.maximum(ends, np.abs(self.bias) / most)
        self.minimum.assign(-ends)
        self.maximum.assign(ends)

    def fit_rounding(self, inputs):
        """Moves the kernel so that its rounding changes the outputs least.

        The bias takes up the mean of what is left.

        Args:
            inputs: The layer's `Inputs`.
        """
        kernel, levels = kernel_of(self), num_levels(self.weight_bits)
        ends = np.reshape(self.maximum, kernel[:, 0].shape)
        covariance = inputs.covariance()
        moved = move_kernel(kernel, covariance, ends / levels, levels)
        missed = kernel - rounded(moved, ends[:, None], self.weight_bits)
        set_kernel(self, moved)
        mean = inputs.mean()[:, None]
        self.bias.assign(self.bias + np.ravel(mean @ missed))

    def quantized_kernel(self):
        """The kernel on its grid, in the shape of `kernel_as_rows`."""
        kernel = ops.convert_to_tensor(self.kernel)
        kernel = tf.where(kernel == 0, tf.zeros_like(kernel), kernel)
        # The converter knows the last axis as that of the ranges.
        return tf.quantization.fake_quant_with_min_max_vars_per_channel(
            tf.reshape(kernel, self.kernel_as_rows(kernel.shape)),
            ops.convert_to_tensor(self.minimum),
            ops.convert_to_tensor(self.maximum),
            num_bits=self.weight_bits,
            narrow_range=True,
        )

    def finished(self, products):
        """Adds the bias to the products and applies the activation."""
        bias = ops.convert_to_tensor(self.bias)
        if self.input_step:
            levels = num_levels(self.weight_bits)
            step = self.input_step / levels * self.maximum
            on_grid = tf.round(bias / step) * step
            bias += tf.stop_gradient(on_grid - bias)
        return self.activation(tf.nn.bias_add(products, bias))

    def get_config(self):
        return {
            **super().get_config(),
            "weight_bits": self.weight_bits,
            "input_step": self.input_step,
        }

    # Keras' own layers save the kernel and the bias only.
    def save_own_variables(self, store):
        for variable in self.weights:
            store[variable.name] = variable.numpy()

    def load_own_variables(self, store):
        for variable in self.weights:
            variable.assign(store[variable.name])


@register
class QuantizedConv2D(QuantizedKernel, layers.Conv2D):
    """`Conv2D` with a `QuantizedKernel`."""

    def call(self, inputs):
        kernel = self.quantized_kernel()
        return self.finished(self.convolution_op(inputs, kernel))


@register
class QuantizedDepthwiseConv2D(QuantizedKernel, layers.DepthwiseConv2D):
    """`DepthwiseConv2D` with a `QuantizedKernel`."""

    def kernel_as_rows(self, shape):
        return (*shape[:2], 1, shape[2] * shape[3])

    def call(self, inputs):
        kernel = ops.reshape(self.quantized_kernel(), self.kernel.shape)
        return self.finished(
            ops.depthwise_conv(
                inputs,
                kernel,
                strides=self.strides,
                padding=self.padding,
                dilation_rate=self.dilation_rate,
                data_format=self.data_format,
            )
        )


@register
class QuantizedDense(QuantizedKernel, layers.Dense):
    """`Dense` with a `QuantizedKernel`.

    It computes a 1x1 convolution: the converter gives a fully connected
    operator one grid for all channels.
    """

    def kernel_as_rows(self, shape):
        return (1, 1, *shape)

    def call(self, inputs, training=None):
        # (places, 1, 1, channels)
        places = ops.reshape(inputs, (-1, 1, 1, inputs.shape[-1]))
        kernel = self.quantized_kernel()
        outputs = self.finished(ops.conv(places, kernel, padding="valid"))
        sizes = [size or -1 for size in inputs.shape[1:-1]]
        return ops.reshape(outputs, (-1, *sizes, self.units))


def _constant(layer, name, shape, value):
    """A weight that is not trained."""
    return layer.add_weight(
        shape=shape,
        initializer=keras.initializers.Constant(value),
        trainable=False,
        name=name,
    )
