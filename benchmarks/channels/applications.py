"""40 of 40: every `keras.applications` classifier at half its macs.

Each model is built without weights. Its BatchNormalization statistics are
those of random images, times a random factor, so that signals stay alive and
no statistic is 0 or 1. It is pruned in one call, compared with the masked
original, saved, loaded, converted to LiteRT and run, in one process per model.
The table is written after each; a second run continues with the rest.

    python -m benchmarks.channels.applications            # all that are missing
    python -m benchmarks.channels.applications MobileNetV2 ResNet50
    python -m benchmarks.channels.applications --no-litert  # convert later
"""

import inspect
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE / "applications.json"
LATER = "not tried yet"
SMALL_FIRST = """
MobileNetV2 MobileNet MobileNetV3Small MobileNetV3Large NASNetMobile
EfficientNetB0 EfficientNetV2B0 EfficientNetB1 EfficientNetV2B1 DenseNet121
EfficientNetB2 EfficientNetV2B2 EfficientNetB3 EfficientNetV2B3 ResNet50
ResNet50V2 Xception InceptionV3 DenseNet169 DenseNet201 EfficientNetB4
EfficientNetV2S ConvNeXtTiny ResNet101 ResNet101V2 InceptionResNetV2
ResNet152 ResNet152V2 EfficientNetB5 ConvNeXtSmall EfficientNetB6
EfficientNetV2M EfficientNetB7 NASNetLarge ConvNeXtBase VGG16 VGG19
EfficientNetV2L ConvNeXtLarge ConvNeXtXLarge
"""


def names():
    """The classifiers of the installed Keras, small ones first."""
    import keras

    known = vars(keras.applications).items()
    found = {name for name, value in known if inspect.isfunction(value)}
    ordered = [name for name in SMALL_FIRST.split() if name in found]
    return ordered + sorted(found - set(ordered))


def measure(name, convert):
    """One row of the table, measured in this process."""
    import keras
    import numpy as np

    from tfdcu.graph.logits import as_logits
    from tfdcu.pruning import plan_channels
    from tfdcu.pruning import reestimate_statistics
    from tfdcu.pruning.masked import difference

    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    build = getattr(keras.applications, name)
    model = build(weights=None)
    if None in model.input_shape[1:]:
        model = build(weights=None, input_shape=(224, 224, 3))
    model = as_logits(model)
    images = smooth_images(generator, 4, model.input_shape[1:])
    reestimate_statistics(model, images, size=4)
    for weight in model.weights:
        if len(weight.shape) == 1:
            value = weight.numpy()
            value = value * generator.uniform(0.9, 1.1, value.shape)
            weight.assign(value + generator.uniform(0, 0.02, value.shape))
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    start = time.perf_counter()
    plan = plan_channels(model, macs=0.5)
    planned = time.perf_counter()
    smaller = plan.apply()
    done = time.perf_counter()
    row = {
        "name": name,
        "macs": plan.before["macs"],
        "macs_left": plan.after["macs"] / plan.before["macs"],
        "params": plan.before["params"],
        "params_left": plan.after["params"] / plan.before["params"],
        "groups": len(plan.groups),
        "unprunable": sum("no rule" in r["why"] for r in plan.rows()),
        "plan_seconds": planned - start,
        "rebuild_seconds": done - planned,
    }
    few = images[:2]
    reference = plan.masked()
    row["difference"] = difference(smaller, reference, few)
    logits = np.asarray(smaller(few))
    # The two images must not give the same scores, or nothing is compared.
    spread = np.abs(logits[0] - logits[1]).max() / np.abs(logits).max()
    row["spread"] = float(spread)
    # How far the pruned model is from the original, not masked.
    row["effect"] = difference(smaller, model, few)
    del model, plan, reference
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.keras"
        smaller.save(path)
        loaded = keras.models.load_model(path)
        again = np.asarray(loaded(few))
        row["loaded_same"] = bool(np.array_equal(again, logits))
        del loaded
        path.unlink()
        row["litert"] = LATER
        if convert:
            row["litert"] = litert(smaller, folder, few, logits)
    return row


def smooth_images(generator, num, shape):
    """Random colored blobs: noise of 5 x 5 pixels, enlarged, 0 to 255."""
    from scipy.ndimage import zoom

    small = generator.uniform(0, 255, (num, 5, 5, 3))
    scale = (1, shape[0] / 5, shape[1] / 5, 1)
    return zoom(small, scale, order=1).astype("float32")


def litert(model, folder, images, logits):
    """Relative difference of the LiteRT file's logits to the Keras model's."""
    import numpy as np

    from tfdcu.export import LiteRTModel

    path = Path(folder) / "small.tflite"
    shape = (1, *images.shape[1:])
    fixed = _fixed(model, shape)
    fixed.export(path, format="litert", verbose=False)
    received = LiteRTModel(path)(images)
    worst = np.abs(received - logits).max()
    return float(worst / np.abs(logits).max())


def _fixed(model, shape):
    """The model for one image of a known size."""
    import keras

    inputs = keras.Input(batch_shape=shape)
    return keras.Model(inputs, model(inputs))


def render(rows):
    """The table as Markdown."""
    lines = [
        "# keras.applications at half the macs",
        "",
        "Written by `python -m benchmarks.channels.applications`. "
        "`difference` is the largest difference of the logits to those of "
        "the masked original, over the largest logit (float32, two random "
        "images); `spread` that of the two images to one another, `effect` "
        "that to the original with all its channels; `LiteRT` that of "
        "the converted file to Keras. Seconds are wall time on two shared CPU "
        "cores.",
        "",
        "| model | macs (M) | macs left | params (M) | params left | groups | "
        "unprunable | plan s | rebuild s | difference | spread | effect | "
        "loaded same | LiteRT |",
        "|---|" + "---:|" * 13,
    ]
    for row in sorted(rows, key=lambda row: row["name"]):
        if "error" in row:
            lines.append(f"| {row['name']} | error: {row['error'][-200:]} |")
            continue
        converted = row["litert"]
        if isinstance(converted, float):
            converted = f"{converted:.1e}"
        lines.append(
            f"| {row['name']} | {row['macs'] / 1e6:,.0f} | "
            f"{row['macs_left']:.4f} | {row['params'] / 1e6:.2f} | "
            f"{row['params_left']:.3f} | {row['groups']} | "
            f"{row['unprunable']} | {row['plan_seconds']:.2f} | "
            f"{row['rebuild_seconds']:.2f} | "
            f"{row['difference']:.1e} | {row['spread']:.1e} | "
            f"{row['effect']:.1e} | "
            f"{'yes' if row['loaded_same'] else 'no'} | {converted} |"
        )
    good = [
        row
        for row in rows
        if row.get("difference", 1) <= 1e-4
        and row["loaded_same"]
        and 0.49 <= row["macs_left"] <= 0.5
        and row["spread"] > 100 * row["difference"]
        and row["effect"] > 1e-2
    ]
    converted = [r for r in rows if isinstance(r.get("litert"), float)]
    lines += [
        "",
        f"{len(good)} of {len(rows)} models exact (difference at most 1e-4), "
        "within 2 % below half the macs, alive (`spread` over a hundred times "
        "the difference, `effect` above 1e-2), and the same after saving and "
        f"loading; {len(converted)} converted to LiteRT and run.",
    ]
    return "\n".join(lines) + "\n"


def write(path, text):
    beside = path.with_suffix(".part")
    beside.write_text(text)
    os.replace(beside, path)


def main(chosen, convert):
    rows = json.loads(TABLE.read_text()) if TABLE.exists() else []
    done = {
        row["name"]
        for row in rows
        if "error" not in row and not (convert and row["litert"] == LATER)
    }
    for name in chosen or names():
        if name in done and not chosen:
            continue
        command = [sys.executable, "-m", __spec__.name, "--one", name]
        command += [] if convert else ["--no-litert"]
        result = subprocess.run(command, capture_output=True, text=True)
        lines = [x for x in result.stdout.splitlines() if x.startswith("{")]
        if result.returncode == 0 and lines:
            row = json.loads(lines[-1])
        else:
            row = {"name": name, "error": result.stderr.strip()[-1000:]}
        rows = [r for r in rows if r["name"] != name] + [row]
        write(TABLE, json.dumps(rows, indent=1) + "\n")
        write(TABLE.with_suffix(".md"), render(rows))
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    names_and_flags = sys.argv[1:]
    convert = "--no-litert" not in names_and_flags
    given = [x for x in names_and_flags if not x.startswith("--")]
    if "--one" in names_and_flags:
        print(json.dumps(measure(given[0], convert)))
    else:
        main(given, convert)
