"""Suppress log output of the LiteRT converter and interpreter."""

import contextlib
import logging
import os
import tempfile
import warnings


@contextlib.contextmanager
def quiet():
    """Suppresses warnings and log lines of the LiteRT converter.

    The converter and the interpreter write directly to file descriptor 2,
    which is redirected while the block runs, for other threads too. After an
    exception the suppressed output is written, so that the error keeps its
    context. `sys.stderr` is not replaced, so loggers made inside the block
    keep working.

    Example:

    ```python
    with quiet():
        content = converter.convert()
    ```
    """
    logs = [logging.getLogger(name) for name in ("absl", "tensorflow")]
    levels = [log.level for log in logs]
    try:
        for log in logs:
            log.setLevel(logging.ERROR)
        with warnings.catch_warnings(), _hold_back_stderr():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(logs, levels):
            log.setLevel(level)


@contextlib.contextmanager
def _hold_back_stderr():
    try:
        terminal = os.dup(2)
    except OSError:
        # A process without stderr, such as a daemon.
        yield
        return
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
