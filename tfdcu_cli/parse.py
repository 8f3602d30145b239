"""Read the flags of a command."""

import difflib
import traceback
from pathlib import Path

from absl import flags
from ml_collections import config_flags

from tfdcu_cli.files import check_model
from tfdcu_cli.files import check_source
from tfdcu_cli.renamed import renamed

CONFIGS = Path(__file__).with_name("configs")
DEFINE = {
    "text": flags.DEFINE_string,
    "model": flags.DEFINE_string,
    "source": flags.DEFINE_string,
    "names": flags.DEFINE_list,
    "number": flags.DEFINE_integer,
    "switch": flags.DEFINE_bool,
}


def parse(command, arguments):
    """Read the flags of a command, and its config where it takes one.

    A flag with a `field` stands for `--config.FIELD`. A config is a Python
    file or the name of one in `tfdcu_cli/configs`.

    Args:
        command: A module with `FLAGS`, a tuple of `Flag`, and `CONFIG`, the
            config to start from, or `None` if the command takes none.
        arguments: List of strings.

    Returns:
        `absl.flags.FlagValues`, with `config` if there is one.

    Raises:
        SystemExit: If there is no such flag or field, the config cannot be
            read, a value is missing or of another kind, or an argument is no
            flag.
    """
    known = {flag.name: flag for flag in command.FLAGS}
    pairs = list(pairs_of(arguments, known))
    chosen = [value for name, value in pairs if name == "config"]
    pairs = [(name, value) for name, value in pairs if name != "config"]
    lines, fields = [], {}
    if command.CONFIG:
        path = config_path(chosen[-1] if chosen else command.CONFIG)
        lines.append(f"--config={path}")
        config = read_flags(lines, lines).config.to_dict()
        fields = dict(fields_of(config))
    elif chosen:
        refuse_flag("config", chosen[-1], known, fields)
    for name, value in pairs:
        lines.append(line_of(name, value, known, fields))
    values = flags.FlagValues()
    for flag in command.FLAGS:
        if flag.field is None:
            DEFINE[flag.kind](
                flag.name, flag.default, flag.help, flag_values=values
            )
    values = read_flags(lines, lines if command.CONFIG else None, values)
    check_values(command, values)
    return values


def pairs_of(arguments, known):
    """Pairs of name and value; the value is `None` after a switch.

    The name of what is no flag is empty.

    Args:
        arguments: List of strings, `--name=value` or `--name` and `value`.
        known: Dict from name to `Flag`.
    """
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.lstrip("-").partition("=")
        if not argument.startswith("-"):
            yield "", argument
        elif equals:
            yield name, value
        elif is_switch(name, known) or not rest or rest[0].startswith("--"):
            yield name, None
        else:
            yield name, rest.pop(0)


def is_switch(name, known):
    """Whether a flag takes no value."""
    flag = known.get(name) or known.get(name.removeprefix("no"))
    return flag is not None and flag.kind == "switch"


def line_of(name, value, known, fields):
    """One argument for absl, `--name=value` or a switch.

    Args:
        name, value: As from `pairs_of`.
        known: Dict from name to `Flag`.
        fields: Dict from the dotted field of the config to its value.
    """
    if not name:
        raise SystemExit(
            "Stopped: an argument is no flag. Expected: flags, which begin "
            f"with --{nearest(value, known, fields)}. Received: {value}"
        )
    flag = known.get(name)
    field = name.removeprefix("no").removeprefix("config.")
    if value is None:
        if is_switch(name, known) or isinstance(fields.get(field), bool):
            return f"--{name}"
        if flag or field in fields:
            raise SystemExit(
                f"Stopped: --{name} has no value. Expected: --{name}=VALUE"
                f"{flag and f', {flag.help}' or ''} Received: --{name}"
            )
    if flag is None:
        if name.startswith("config.") and field in fields:
            return f"--{name}={value}"
        refuse_flag(name, value, known, fields)
    if flag.field is None:
        return f"--{name}={value}"
    if flag.kind == "names":
        value = tuple(filter(None, value.split(",")))
    return f"--config.{flag.field}={value}"


def refuse_flag(name, value, known, fields):
    """Raise what to write in place of an unknown flag or field."""
    received = f"--{name}" if value is None else f"--{name}={value}"
    field = name.removeprefix("config.")
    if field in (gone := renamed()):
        raise SystemExit(
            f"Stopped: the config has no such field. Expected: in place of "
            f"{field}, {gone[field]}. Received: {received}"
        )
    if name.startswith("config."):
        near = difflib.get_close_matches(field, fields, n=1)
        hint = f"; the nearest is --config.{near[0]}" if near else ""
        raise SystemExit(
            "Stopped: the config has no such field. Expected: "
            "--config.field= or --config.section.field=, of those in "
            f"{CONFIGS / 'common.py'}{hint}. Received: {received}"
        )
    others = ["config"] if fields else []
    raise SystemExit(
        "Stopped: there is no such flag. Expected: one of "
        f"{', '.join(f'--{one}' for one in [*known, *others])}"
        f"{nearest(received, known, fields)}. Received: {received}"
    )


def nearest(argument, known, fields):
    """In words, the flag that an argument may be meant to be."""
    name, equals, value = argument.lstrip("-").partition("=")
    names = list(known)
    if fields:
        names += ["config", *(f"config.{field}" for field in fields)]
    near = difflib.get_close_matches(name, names, n=1)
    if not near:
        # The last part of a field, such as temperature.
        near = [one for one in names if one.endswith(f".{name}")]
    return f"; the nearest is --{near[0]}{equals}{value}" if near else ""


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


def check_values(command, values):
    """Raise if a flag is missing, or a file or folder is not there."""
    missing = []
    for flag in command.FLAGS:
        value = value_of(flag, values)
        if value in (None, "") and flag.required:
            missing.append(f"--{flag.name}")
        elif value and flag.kind == "model":
            check_model(flag.name, value)
        elif value and flag.kind == "source":
            check_source(flag.name, value)
    if missing:
        raise SystemExit(
            f"Stopped: something is missing. Expected: {', '.join(missing)}; "
            "see --help. Received: no value"
        )


def value_of(flag, values):
    """The value of a flag, or of the field that it stands for."""
    if flag.field is None:
        return values[flag.name].value
    value = values.config
    for part in flag.field.split("."):
        value = value[part]
    return value
