"""Work that Python's garbage collector must not interrupt."""

import contextlib
import gc


@contextlib.contextmanager
def without_collection():
    """No garbage collection inside the block.

    With TensorFlow loaded a full collection walks through a million objects
    and takes longer than building a network or running one.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
