"""Memory of arrays that come and go, pass after pass."""

import mmap
import weakref

import numpy as np
import tensorflow as tf


class Blocks:
    """Arrays in blocks of memory that are used again and again.

    A system takes several times as long to find new memory as to copy into it.
    What is freed between smaller things that stay is not given back to it,
    so the blocks are pages of their own.
    """

    def __init__(self):
        self._free, self._bytes, self._most = [], 0, 0

    def limit(self, most):
        """Keeps no free blocks beyond so many bytes of all; 0 at first."""
        self._most = most
        self._drop()

    def joined(self, values):
        """Tensors of the same type as one array, along the first axis."""
        arrays = [np.asarray(value) for value in values]
        shape = (sum(map(len, arrays)), *arrays[0].shape[1:])
        block = self._taken(sum(array.nbytes for array in arrays))
        whole = np.frombuffer(block, arrays[0].dtype, int(np.prod(shape)))
        whole = whole.reshape(shape)
        # Tensors of the same memory hold the array, too.
        weakref.finalize(whole, self._free.append, block).atexit = False
        return np.concatenate(arrays, out=whole)

    def _taken(self, size):
        """The smallest free block that fits, or a new one."""
        fitting = [b for b in self._free if size <= len(b) <= 2 * size]
        if fitting:
            block = min(fitting, key=len)
            self._free.remove(block)
            return block
        self._drop(size)
        self._bytes += size
        return mmap.mmap(-1, max(size, 1))

    def _drop(self, more=0):
        while self._free and self._bytes + more > self._most:
            self._bytes -= len(self._free.pop())


def tensor_of(array):
    """An array as a tensor, of the same memory where both know the type."""
    if tf.is_tensor(array):
        return array
    try:
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    except BufferError:
        return tf.convert_to_tensor(array)
