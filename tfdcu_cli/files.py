"""Whether the files and folders of flags are there."""

import difflib
from pathlib import Path

# The sources without a path; `tfdcu.data.open_source` knows what each is.
NAMES = ("digits", "printed")


def check_model(flag, text):
    """Raise if there is no such file of a model."""
    if not Path(text).exists():
        raise SystemExit(
            f"Stopped: there is no such file. Expected: --{flag}=FILE, a saved "
            f"model{nearest(text)}. Received: --{flag}={text}"
        )


def check_source(flag, text):
    """Raise if the folder or file of a source is missing."""
    kind, colon, rest = text.partition(":")
    if colon and kind not in ("folder", "npz"):
        return
    path = rest if colon else text
    if path not in NAMES and not Path(path).exists():
        raise SystemExit(
            f"Stopped: there are no such images. Expected: --{flag}=FOLDER, an "
            f".npz file, tfds:NAME, or one of {', '.join(NAMES)}"
            f"{nearest(path)}. Received: --{flag}={text}"
        )


def nearest(path):
    """In words, what lies in the same folder under a similar name."""
    path = Path(path)
    if not path.parent.is_dir():
        return ""
    names = [one.name for one in path.parent.iterdir()]
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"; the nearest is {path.parent / near[0]}" if near else ""
