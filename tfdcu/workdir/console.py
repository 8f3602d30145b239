"""What a run prints: as much as is asked for, and all of it in a file."""

import contextlib
import sys
import time
from pathlib import Path

from tfdcu.workdir.arguments import check_arguments


@contextlib.contextmanager
def console(verbose=1):
    """Prints as Keras' `verbose` says while the block runs.

    Args:
        verbose: 0 prints nothing; 1 everything, with bars on a terminal; 2
            the same without bars, a line for each epoch.

    Yields:
        A `Console`, whose `keep` also writes all lines into a file.

    Raises:
        ValueError: If `verbose` is another number.

    Example:

    >>> with console(verbose=0) as log:
    ...     log.keep("runs/digits/log.txt")
    ...     print("in the file alone")
    """
    check_arguments(verbose=verbose)
    own = Console(sys.stdout, verbose)
    try:
        with contextlib.redirect_stdout(own):
            yield own
    finally:
        own.close()


class Console:
    """Stands for `sys.stdout`.

    Args:
        terminal: The real one.
        verbose: As in `console`.
    """

    def __init__(self, terminal, verbose):
        self.terminal = terminal
        self.verbose = verbose
        # Lines until there is a file, and the beginning of the next one.
        self.lines, self.rest = [], ""
        self.path = None

    def __getattr__(self, name):
        return getattr(self.terminal, name)

    def isatty(self):
        return self.verbose == 1 and self.terminal.isatty()

    def write(self, text):
        # Neither the terminal nor the file stops a run at a letter.
        code = getattr(self.terminal, "encoding", None) or "utf-8"
        text = text.encode(code, "replace").decode(code)
        *lines, self.rest = (self.rest + text).split("\n")
        # A bar is drawn over what stands before the last carriage return.
        lines = [line.rpartition("\r")[2].rstrip() for line in lines]
        self.add([line and f"{now()}  {line}" for line in lines])
        return self.terminal.write(text) if self.verbose else len(text)

    def flush(self):
        if self.verbose:
            self.terminal.flush()

    def keep(self, path):
        """Writes the lines so far, and all that follow, at the end of a file.

        Args:
            path: The file; its folder exists.
        """
        self.path = Path(path)
        self.add([])

    def add(self, lines):
        """Adds lines to the file, or keeps them until there is one."""
        self.lines += lines
        if self.path is None or not self.lines:
            return
        # Where the disk is full, results fail with words of their own.
        with (
            contextlib.suppress(OSError),
            open(self.path, "a", encoding="utf-8") as file,
        ):
            file.write("".join(f"{line}\n" for line in self.lines))
        self.lines = []

    def close(self):
        """Writes a line that has no end yet."""
        if self.rest:
            self.add([f"{now()}  {self.rest.rpartition(chr(13))[2].rstrip()}"])
            self.rest = ""


def now():
    """The time of a line."""
    return time.strftime("%Y-%m-%d %H:%M:%S")


def printable(text):
    """Text on one line, without what a terminal would obey.

    Args:
        text: A name that somebody else chose, or a sentence with such names.

    Returns:
        The text, with a space for control characters, line breaks and bytes
        that are no text.
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())
