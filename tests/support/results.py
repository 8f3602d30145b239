"""Whether two runs made the same, bit for bit."""

import hashlib
import json

import h5py
import keras

import tfdcu  # noqa: F401  (its layers are in saved models)

# Written at every start, or of times alone.
TIMED = {"log.txt", "seconds.json", "files.json", "USE.md", "front.md"}
# Keys of records that a clock or the name of a layer decides.
CLOCK = {"seconds", "train_seconds", "latency_ms", "notes", "sha256"}


def results(folder):
    """What a run left: dict from file to what must be bit-equal in it."""
    run = folder / "run"
    paths = sorted(path for path in run.rglob("*") if path.is_file())
    return {
        path.relative_to(run).as_posix(): content(path)
        for path in paths
        if "tfevents" not in path.name and not path.name.startswith(".lock")
    }


def content(path):
    if path.name in TIMED or path.suffix in (".html", ".md", ".png"):
        return "there"
    if "trials" in path.parts and path.suffix in (".json", ".h5"):
        return "there"
    digest = hashlib.sha256()
    if path.suffix == ".keras":
        # The archive holds the hour in which it was written.
        for value in keras.models.load_model(path).get_weights():
            digest.update(value.tobytes())
    elif path.name.endswith(".weights.h5"):
        # Attributes name layers by what the process built before.
        for value in arrays(path):
            digest.update(value)
    elif path.name in ("report.json", "front.json") or path.match("epoch-*"):
        return untimed(json.loads(path.read_text("utf-8")))
    else:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def arrays(path):
    """The arrays of an HDF5 file as bytes, in the order of their paths."""
    found = []

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            found.append(item[()].tobytes())

    with h5py.File(path) as file:
        file.visititems(add)
    return found


def untimed(value):
    if isinstance(value, dict):
        kept = {key: value[key] for key in value if key not in CLOCK}
        return {key: untimed(one) for key, one in kept.items()}
    return [untimed(v) for v in value] if isinstance(value, list) else value


def assert_the_same(folder, expected):
    found = results(folder)
    assert not [name for name in found if ".tmp" in name]
    assert sorted(found) == sorted(expected)
    for name, value in expected.items():
        pairs = parts_of(found[name]), parts_of(value)
        assert pairs[0] == pairs[1], (name, set(pairs[0]) ^ set(pairs[1]))


def parts_of(value, path=""):
    """What a value holds, a flat set of (path, leaf) as text."""
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        parts = [parts_of(one, f"{path}/{key}") for key, one in items]
        return {(path, type(value).__name__)}.union(*parts)
    return {(path, repr(value))}
