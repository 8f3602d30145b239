"""What a full disk must not do: crash, or end a run without a word."""

import errno
import io

import numpy as np

_FULL = (errno.ENOSPC, errno.EDQUOT)


class DiskFull(OSError):
    """The disk is full; the message has three parts, `errno` is kept."""

    def __str__(self):
        return self.strerror


class MemoryFile(io.BytesIO):
    """A file in memory that Keras saves to and loads from.

    HDF5 ends the process (SIGSEGV) when the disk fills up while it writes, so
    models are written here first and then as plain bytes.

    Args:
        ending: By which Keras chooses the format: `".keras"` or
            `".weights.h5"`.
        content: Bytes to read. Defaults to none.

    Example:

    >>> file = MemoryFile(".keras")
    >>> model.save(file)
    """

    def __init__(self, ending, content=b""):
        super().__init__(content)
        self.ending = ending

    def __str__(self):
        return f"memory{self.ending}"


def save_array(path, array):
    """`numpy.save` whose error has an `errno`, unlike that of `tofile`."""
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    with open(path, "wb") as file:
        file.write(content.getbuffer())


def is_full(error):
    """Whether an error, of the system or of TensorFlow, is a full disk."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return "No space left on device" in str(error)
