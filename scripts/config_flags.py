"""Parse a config and its flags into keyword arguments."""

import difflib
import traceback

from absl import app
from absl import flags

from tfdcu.graph.parallel import halve_threads
from tfdcu.renamed import RENAMED


def parsed(arguments):
    """Parses the flags of a script, for `app.run`.

    Args:
        arguments: List of strings, the name of the program first.

    Returns:
        The name of the program in a list.

    Raises:
        SystemExit: If there is no such flag or field, the config cannot be
            read, or an argument is no flag.
    """
    try:
        left = app.parse_flags_with_usage(arguments)
        if "config" in flags.FLAGS:
            flags.FLAGS.config.to_dict()
    except (AttributeError, KeyError) as error:
        raise SystemExit(
            "Stopped: the config has no such field. Expected: "
            f"{expected_field(arguments)}. Received: "
            f"{' '.join(str(error.args[0]).split())}"
        ) from error
    except Exception as error:
        # A config is a program, which may raise anything.
        raise SystemExit(
            "Stopped: the config cannot be read. Expected: --config=configs/"
            "digits.py or another such file, and fields of their own types. "
            f"Received: {line_of(error, arguments)}{error}"
        ) from error
    if left[1:]:
        raise SystemExit(
            "Stopped: an argument is no flag. Expected: "
            f"{nearest_flag(left[1])}. Received: {' '.join(left[1:])}"
        )
    return left


def line_of(error, arguments):
    """Where in the config an error was raised: its file and line, or nothing.

    Args:
        error: An exception.
        arguments: Those of the program, with the name of the config.
    """
    paths = [one.partition("=")[2] or one for one in arguments]
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: "
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.endswith(tuple(p for p in paths if p[-3:] == ".py")):
            kind = type(error).__name__
            return f"{frame.filename}, line {frame.lineno}: {kind}: "
    return ""


def expected_field(arguments):
    """What to write instead of an unknown field."""
    for argument in arguments:
        field = argument.lstrip("-").removeprefix("config.").split("=")[0]
        if field in RENAMED:
            return f"in place of {field}, {RENAMED[field]}"
    return (
        "--config.field= or --config.section.field=, of those in "
        "configs/common.py and the config itself"
    )


def nearest_flag(argument):
    """The flag that an argument without dashes may be meant to be."""
    name, equals, value = argument.lstrip("-").partition("=")
    known = list(flags.FLAGS)
    if "config" in flags.FLAGS:
        config = flags.FLAGS.config.to_dict()
        known += [f"config.{field}" for field in fields_of(config)]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f", the nearest --{near[0]}{equals}{value}" if near else ""
    return f"flags, which begin with --{hint}"


def fields_of(config, prefix=""):
    """The dotted names of all fields of a config."""
    for key, value in config.items():
        if isinstance(value, dict):
            yield from fields_of(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def keywords_of(config):
    """A config as keyword arguments of `tfdcu.compress`.

    An empty flag removes a source or a student. With a given student the
    section `channels` is ignored. With frozen BatchNormalization, the default
    of a pruned student, each operation gets half of the cores, which must be
    set before TensorFlow starts.

    Args:
        config: A `ConfigDict` with the fields of `configs/common.py`.

    Returns:
        A new dict.
    """
    keywords = config.to_dict()
    keywords.pop("train_teacher", None)
    for name in ("student", "labeled", "validation", "test"):
        keywords[name] = keywords[name] or None
    if keywords["student"] is not None:
        keywords["channels"] = None
    batchnorm = keywords["transfer"]["batchnorm"]
    if batchnorm is None and keywords["student"] is None:
        batchnorm = "frozen"
    if batchnorm == "frozen":
        halve_threads()
    return keywords
