"""What a full disk must not do: crash, or end a run without a word."""

import contextlib
import errno
import io
import tempfile

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


@contextlib.contextmanager
def temporary_folder():
    """A temporary folder, deleted at the end of the block.

    Yields:
        Its path, a string.

    Raises:
        DiskFull: If an error in the block says that a disk is full.
    """
    place = "none"
    try:
        place = tempfile.gettempdir()
        with tempfile.TemporaryDirectory() as folder:
            yield folder
    except DiskFull:
        raise
    except Exception as error:
        # No candidate for temporary files could be written.
        nowhere = isinstance(error, FileNotFoundError) and place == "none"
        if not is_full(error) and not nowhere:
            raise
        raise DiskFull(
            errno.ENOSPC,
            "The folder for temporary files is full. Expected: enough free "
            f"space in '{place}', or another folder in the environment "
            f"variable TMPDIR. Received: {str(error)[:200]}",
        ) from error
