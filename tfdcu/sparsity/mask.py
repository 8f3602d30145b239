"""A kernel constraint that keeps masked weights at zero."""

import keras
import tensorflow as tf


class Mask(keras.constraints.Constraint):
    """A kernel constraint that keeps masked weights at zero.

    Keras optimizers call it after each update, inside the compiled step, and
    assign the result. It replaces the kernel's own constraint, `original`,
    which it calls first.

    Args:
        kernel: a `keras.Variable`, whose constraint is replaced.
    """

    def __init__(self, kernel):
        self.kernel = kernel
        original = kernel.constraint
        # A run that ended in an error may have left its mask behind.
        if isinstance(original, Mask):
            original = original.original
        self.original = original
        self.mask = tf.Variable(
            tf.ones(kernel.shape, kernel.dtype), trainable=False
        )
        self.threshold = tf.Variable(
            tf.zeros((), kernel.dtype), trainable=False
        )
        kernel.constraint = self

    def __call__(self, kernel):
        value = kernel if self.original is None else self.original(kernel)
        return self._masked(value)

    def cut(self):
        """Sets the masked weights to zero."""
        self.kernel.assign(self._masked(self.kernel))

    def recover(self):
        """Sets the mask from the zeros of the kernel."""
        self.mask.assign(
            tf.cast(tf.not_equal(self.kernel.value, 0), self.mask.dtype)
        )

    def _masked(self, value):
        value = keras.ops.convert_to_tensor(value)
        # A product would make some zeros negative, which compress worse.
        return tf.where(self.mask > 0, value, tf.zeros((), value.dtype))

    def remove(self):
        """Restores the original constraint of the kernel."""
        if self.kernel.constraint is self:
            self.kernel.constraint = self.original
