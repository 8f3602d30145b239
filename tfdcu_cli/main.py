"""Find the command that is meant and run it."""

import difflib
import importlib
import importlib.metadata
import signal
import sys

from absl import logging

from tfdcu_cli.parse import parse
from tfdcu_cli.quiet import start_tensorflow
from tfdcu_cli.usage import overview
from tfdcu_cli.usage import usage

# In the order of the help; each is a module of `tfdcu_cli.commands`.
COMMANDS = {
    "demo": "demo",
    "compress": "compress",
    "prune": "prune",
    "export": "export",
    "evaluate": "evaluate",
    "diagnose": "diagnose",
    "search": "search",
    "try": "try_it",
    "train-teacher": "train_teacher",
}


def main(arguments=None):
    """Run `tfdcu` and end the process.

    Args:
        arguments: List of strings. Defaults to those of the process.

    Raises:
        SystemExit: Always: with 0, with 1 and the reason on stderr, or after
            SIGINT or SIGTERM with 130 or 143.
    """
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    logging.set_verbosity(logging.ERROR)
    raise SystemExit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments):
    """Run one command.

    Args:
        arguments: List of strings: a command and its flags.

    Returns:
        The exit code, or `None` for 0.

    Raises:
        SystemExit: If the command cannot do what is asked, with the reason.
    """
    name, *arguments = arguments or ["--help"]
    if name == "help":
        name, *arguments = [*arguments, "--help"]
    if name in ("-h", "--help"):
        print(overview({one: load(one) for one in COMMANDS}))
        return None
    if name == "--version":
        print(f"tfdcu {importlib.metadata.version('tfdcu')}")
        return None
    command = load(name)
    if {"-h", "--help"} & {*arguments}:
        print(usage(name, command))
        return None
    values = parse(command, arguments)
    # The parts of the demo are processes of their own.
    if name != "demo":
        start_tensorflow()
    try:
        return command.run(values)
    except (ValueError, FloatingPointError, OSError) as error:
        raise SystemExit(f"Stopped: {error}") from error


def load(name):
    """The module of a command."""
    # Functions of Python have no hyphen, so the other spelling is at hand.
    known = name.replace("_", "-")
    if known not in COMMANDS:
        near = difflib.get_close_matches(known, COMMANDS, n=1)
        hint = f"; the nearest is {near[0]}" if near else ""
        raise SystemExit(
            "Stopped: there is no such command. Expected: one of "
            f"{', '.join(COMMANDS)}{hint}. Received: {name}"
        )
    return importlib.import_module(f"tfdcu_cli.commands.{COMMANDS[known]}")


def stop(number, frame):
    """End the program with one line; what it has finished stays."""
    del frame
    # A terminal and the program above may both send it.
    signal.signal(number, signal.SIG_IGN)
    print(
        f"\nStopped by {signal.Signals(number).name}. The same command goes on "
        "after the last finished epoch or stage.",
        file=sys.stderr,
    )
    raise SystemExit(128 + number)
