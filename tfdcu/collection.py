"""What Python's garbage collector shall leave alone, and when."""

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


@contextlib.contextmanager
def without_what_stays():
    """Inside the block, collections pass over all that was there before.

    For many short jobs in one process, with a collection after each: what
    the first one found there stays as long as the process. Of nested blocks
    the outermost ends it; what the process itself froze before stays frozen.
    """
    outermost = gc.get_freeze_count() == 0
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        if outermost:
            gc.unfreeze()
