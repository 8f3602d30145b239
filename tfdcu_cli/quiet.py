"""Start TensorFlow without its notes on drivers and kernels."""

import contextlib
import os
import tempfile


def start_tensorflow():
    """Import TensorFlow and look for devices; threads can still be set.

    It writes on file descriptor 2 before any level of logging is known to it.
    """
    with held_back_stderr():
        import tensorflow as tf

        tf.config.list_physical_devices()


@contextlib.contextmanager
def held_back_stderr():
    """Drops what the block writes to stderr, unless it ends with an error."""
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
