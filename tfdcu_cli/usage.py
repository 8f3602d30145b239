"""Help of the command and of each of its parts."""

import textwrap

from tfdcu_cli.config import CONFIGS

WIDTH = 78


def overview(commands):
    """What `tfdcu --help` prints.

    Args:
        commands: Dict from the name of a command to its module.
    """
    width = max(map(len, commands))
    lines = [
        "Compress a trained Keras classifier into a small, fast LiteRT file.",
        "",
        "Usage: tfdcu COMMAND --flag=value ...",
        "",
    ]
    lines += [
        f"  {name:<{width}}  {summary(command)}"
        for name, command in commands.items()
    ]
    lines += [
        "",
        "tfdcu COMMAND --help lists the flags of a command; tfdcu --version.",
    ]
    return "\n".join(lines)


def usage(name, command):
    """What `tfdcu NAME --help` prints.

    Args:
        name: Name of the command.
        command: Its module.
    """
    rows = [(f"--{flag.name}", described(flag)) for flag in command.FLAGS]
    if command.CONFIG:
        names = ", ".join(
            path.stem
            for path in sorted(CONFIGS.glob("[a-z]*.py"))
            if path.stem != "common"
        )
        rows += [
            ("--config", f"A Python file, or one of: {names}."),
            ("--config.SECTION.FIELD", "Any other field of the config."),
        ]
    width = max(len(flag) for flag, _ in rows)
    lines = [summary(command), "", *body(command), "", "Flags:"]
    for flag, text in rows:
        lines += textwrap.wrap(
            f"{flag:<{width}}  {text}",
            WIDTH,
            initial_indent="  ",
            subsequent_indent=" " * (width + 4),
            break_on_hyphens=False,
        )
    if command.CONFIG:
        lines += ["", f"All fields, with comments: {CONFIGS / 'common.py'}"]
    return "\n".join(lines)


def summary(command):
    """The first line of a command's docstring."""
    return command.__doc__.splitlines()[0]


def body(command):
    """All other lines, without empty ones at their ends."""
    rest = "\n".join(command.__doc__.splitlines()[1:])
    return rest.strip("\n").splitlines()


def described(flag):
    """The sentence of a flag, with its default or that it is needed."""
    if flag.required:
        return f"{flag.help} Required."
    if flag.default not in (None, False) and flag.field is None:
        return f"{flag.help} Default: {flag.default}."
    return flag.help
