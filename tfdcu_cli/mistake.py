"""Say what an unknown flag or field may be meant to be."""

import difflib
import importlib.util
import runpy

from tfdcu_cli.config import CONFIGS


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


def renamed():
    """`tfdcu.renamed.RENAMED`, without the seconds of TensorFlow."""
    (folder,) = importlib.util.find_spec("tfdcu").submodule_search_locations
    return runpy.run_path(f"{folder}/renamed.py")["RENAMED"]
