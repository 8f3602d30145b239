"""Find a config and read it, with the flags that change it."""

import difflib
import traceback
from pathlib import Path

from absl import flags
from ml_collections import config_flags

CONFIGS = Path(__file__).with_name("configs")


def config_path(name):
    """The file of a config that is given by its path or name."""
    path = Path(name or ".")
    if path.is_file():
        return path
    shipped = {one.stem: one for one in sorted(CONFIGS.glob("[a-z]*.py"))}
    if str(path) in shipped:
        return shipped[str(path)]
    near = difflib.get_close_matches(path.stem, shipped, n=1)
    hint = f"; the nearest is {near[0]}" if near else ""
    raise SystemExit(
        "Stopped: there is no such config. Expected: --config=FILE, a Python "
        f"file, or one of {', '.join(shipped)}{hint}. Received: "
        f"--config={name}"
    )


def read_flags(lines, config_lines, values=None):
    """Arguments as absl and ml_collections read them.

    Args:
        lines: List of arguments.
        config_lines: Those of a config, which come first, or `None`.
        values: `FlagValues` with other flags, which is returned.
    """
    values = flags.FlagValues() if values is None else values
    argv = ["tfdcu", *lines]
    try:
        if config_lines:
            config_flags.DEFINE_config_file(
                "config", flag_values=values, sys_argv=argv
            )
        values(argv)
        if config_lines:
            # A config may be read only when it is used.
            values.config.to_dict()
    except flags.Error as error:
        raise SystemExit(
            "Stopped: a flag has a value of another kind. Expected: a value "
            f"as in the help. Received: {' '.join(str(error).split())}"
        ) from error
    except Exception as error:
        # A config is a program, which may raise anything.
        raise SystemExit(
            "Stopped: the config cannot be read. Expected: a Python file with "
            "get_config() and fields of their own types. Received: "
            f"{place_of(error, lines)}{' '.join(str(error).split())}"
        ) from error
    return values


def place_of(error, arguments):
    """Where in the config an error was raised: its file and line, or nothing.

    Args:
        error: An exception.
        arguments: Those of the command, with the name of the config.
    """
    paths = tuple(
        one.partition("=")[2] for one in arguments if one.endswith(".py")
    )
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: "
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.endswith(paths):
            kind = type(error).__name__
            return f"{frame.filename}, line {frame.lineno}: {kind}: "
    return ""


def fields_of(config, prefix=""):
    """Pairs of the dotted name and the value of all fields and sections."""
    for key, value in config.items():
        yield f"{prefix}{key}", value
        if isinstance(value, dict):
            yield from fields_of(value, f"{prefix}{key}.")
