"""Read the flags of a command."""

from absl import flags

from tfdcu_cli.config import config_path
from tfdcu_cli.config import fields_of
from tfdcu_cli.config import read_flags
from tfdcu_cli.files import check_model
from tfdcu_cli.files import check_source
from tfdcu_cli.mistake import nearest
from tfdcu_cli.mistake import refuse_flag

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
