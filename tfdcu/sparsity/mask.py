"""A mask that holds a kernel's zeros through training."""

import keras
import tensorflow as tf


class Mask:
    """A kernel's constraint while it is sparse.

    Keras' optimizers call it after each update, inside the compiled step,
    and assign what it returns. It takes the place of the kernel's own
    constraint, `former`, which it calls first.

    Args:
        kernel: a `keras.Variable`, whose constraint it becomes.
    """

    def __init__(self, kernel):
        self.kernel = kernel
        former = kernel.constraint
        # A training that ended in an error may have left its mask behind.
        self.former = former.former if isinstance(former, Mask) else former
        self.mask = tf.Variable(
            tf.ones(kernel.shape, kernel.dtype), trainable=False
        )
        self.threshold = tf.Variable(
            tf.zeros((), kernel.dtype), trainable=False
        )
        kernel.constraint = self

    def __call__(self, kernel):
        value = kernel if self.former is None else self.former(kernel)
        return self._masked(value)

    def cut(self):
        """Sets the masked weights to zero now."""
        self.kernel.assign(self._masked(self.kernel))

    def recover(self):
        """Takes the kernel's zeros for the mask."""
        self.mask.assign(
            tf.cast(tf.not_equal(self.kernel.value, 0), self.mask.dtype)
        )

    def _masked(self, value):
        value = keras.ops.convert_to_tensor(value)
        # A product would leave half of the zeros negative, which costs a file
        # one bit each.
        return tf.where(self.mask > 0, value, tf.zeros((), value.dtype))

    def remove(self):
        """Gives the kernel back the constraint that it had."""
        if self.kernel.constraint is self:
            self.kernel.constraint = self.former
