"""Parse a config and its flags into keyword arguments."""

from absl import app
from absl import flags

from tfdcu.graph.parallel import halve_threads
from tfdcu.renamed import RENAMED


def parsed(arguments):
    """Parses the flags of a script with a config, for `app.run`.

    Args:
        arguments: List of strings, the name of the program first.

    Returns:
        What is left of them.
    """
    try:
        left = app.parse_flags_with_usage(arguments)
        flags.FLAGS.config.to_dict()
    except (AttributeError, KeyError) as error:
        raise SystemExit(
            "Stopped: the config has no such field. Expected: "
            f"{expected_field(arguments)}. Received: {error}"
        ) from error
    except (OSError, ValueError) as error:
        raise SystemExit(
            "Stopped: the config cannot be read. Expected: --config=configs/"
            "digits.py or another such file, and fields of their own types. "
            f"Received: {error}"
        ) from error
    return left


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


def keywords_of(config):
    """A config as keyword arguments of `tfdcu.compress`.

    An empty flag removes a source or a student. With a given student the
    section `channels` is ignored. With frozen BatchNormalization each operation
    gets half of the cores, which must be set before TensorFlow starts.

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
    if keywords["transfer"]["batchnorm"] == "frozen":
        halve_threads()
    return keywords
