"""What the author of an app needs beside the files: labels, example, how-to."""

import io
import json

import numpy as np

from tfdcu.export import usage
from tfdcu.export.clients import CLIENTS
from tfdcu.export.clients import client_misfits
from tfdcu.export.interpreter import LiteRTModel
from tfdcu.export.metadata import LABELS
from tfdcu.export.metadata import labels_text
from tfdcu.graph.images import are_images
from tfdcu.workdir.atomic import atomic_write

EXAMPLE = "example.jpg"
SCORES = "example.json"
PAGE = "USE.md"
_NUM_CANDIDATES = 32


def write_app_files(files, images):
    """Writes labels, an example with its scores and `USE.md` beside files.

    They are for all files of one model in one folder, and replace what an
    earlier call wrote there. `labels.txt` is left out for a model without class
    names, the example for one whose images have neither 1 nor 3 channels.

    Args:
        files: Dict from format or target to path, as `export_all` returns.
        images: Float array (n, height, width, channels) in the value range of
            the model, of which the one with the clearest class becomes the
            example.

    Returns:
        A list of the paths that were written.

    Raises:
        ValueError: If there is no file or no JSON file beside one, or the
            network does not classify images.
        OSError: If the disk fills up.

    Example:

    >>> files = export_all(student, "app", pool, targets=("web",))
    >>> write_app_files(files, pool)
    """
    models = {kind: LiteRTModel(path) for kind, path in files.items()}
    if not models or not all(model.sidecar for model in models.values()):
        raise ValueError(
            "There is nothing to describe. Expected: files of `export_all`, "
            f"with their JSON files. Received: {list(map(str, files.values()))}"
        )
    first = next(iter(models.values()))
    if not are_images(first.input_shape) or len(first.output_shape) > 1:
        raise ValueError(
            "The files of an app are made for classes of photos. Expected: a "
            "network that takes images and gives one row of scores; for others "
            "the JSON file beside each file has a program. Received: inputs of "
            f"shape {first.input_shape}, outputs of {first.output_shape}"
        )
    contents = {}
    if first.classes:
        contents[LABELS] = labels_text(first.classes).encode()
    if first.input_shape[-1] in (1, 3):
        contents[EXAMPLE], image = example_of(first, images)
        scores = {
            model.path.name: _scores(model, image) for model in models.values()
        }
        text = json.dumps({"image": EXAMPLE, "files": scores}, indent=2)
        contents[SCORES] = f"{text}\n".encode()
    contents[PAGE] = page(models, EXAMPLE in contents).encode()
    written = [first.path.parent / name for name in contents]
    with atomic_write(*written) as places:
        for place, content in zip(places, contents.values()):
            place.write_bytes(content)
    return written


def example_of(model, images):
    """The image whose class is clearest, as a JPEG, and as it is read again.

    Args:
        model: A `LiteRTModel`.
        images: As in `write_app_files`.

    Returns:
        (bytes of the JPEG; float32 (height, width, channels) in the value range
        of the model).
    """
    from PIL import Image

    low, high = model.value_range
    images = np.asarray(images[:_NUM_CANDIDATES])
    ranked = np.sort(model(images), axis=-1)
    clear = ranked[:, -1] - ranked[:, -2 if model.num_classes > 1 else 0]
    pixels = (images[clear.argmax()] - low) / (high - low) * 255
    pixels = np.clip(np.round(pixels), 0, 255).astype("uint8")
    file = io.BytesIO()
    gray = pixels.shape[-1] == 1
    Image.fromarray(pixels[..., 0] if gray else pixels).save(
        file, "JPEG", quality=95, subsampling=0
    )
    again = np.float32(Image.open(file)).reshape(pixels.shape)
    return file.getvalue(), again / 255 * (high - low) + low


def _scores(model, image):
    scores = model(image[None])[0]
    names = model.classes or range(len(scores))
    said = {}
    if model.kind == "classes":
        said = {"class": names[int(scores.argmax())]}
    elif model.kind == "labels":
        middle = 0.5 if model.output == "probabilities" else 0.0
        held = np.flatnonzero(scores > middle)
        said = {"labels": [names[index] for index in held]}
    return {**said, model.output: [round(float(x), 5) for x in scores]}


def page(models, has_example=True):
    """The text of `USE.md`, made for these files.

    Args:
        models: Dict from format or target to `LiteRTModel`.
        has_example: Whether there is an example photo.

    Returns:
        Markdown.
    """
    anywhere = _best(models, "android") or next(iter(models.values()))
    low, high = anywhere.value_range
    height, width, channels = anywhere.input_shape
    parts = [
        "# How to use these files",
        f"All take one image of {height} x {width} pixels (height x width) "
        f"with {channels} channel{'s' * (channels > 1)}: turned upright as its "
        "EXIF orientation says, scaled to cover that size, cut at the center, "
        f"pixels from {low:g} to {high:g}. The JSON file beside each says it "
        "in full."
        + (
            f" `{SCORES}` has the scores of each for `{EXAMPLE}`: an app that "
            "gets others (in another browser or on another phone the last "
            "digits may differ) prepares its photos in another way."
            if has_example
            else ""
        ),
        _table(models),
        "## Python",
        "`pip install ai-edge-litert numpy pillow`",
    ]
    program = anywhere.sidecar["usage"]
    if has_example:
        photo = usage.photo_program(anywhere, (low, high), EXAMPLE)
        # The photo is read where the program speaks of it.
        before, mark, after = program.partition("# image")
        program = before + photo + mark + after
    said = {"classes": "label, ", "labels": "labels.tolist(), ", "values": ""}
    shown = f"{said[anywhere.kind]}dict(enumerate(scores.tolist()))"
    parts.append(_code("python", f"{program}print({shown})\n"))
    for target, heading, language, program in (
        ("android", "Android", "kotlin", usage.kotlin_program),
        ("web", "Browser", "javascript", usage.javascript_program),
    ):
        parts += [f"## {heading}", *_section(models, target, language, program)]
    parts += [
        "## MediaPipe Tasks",
        *_section(
            models,
            "mediapipe",
            "python",
            lambda model, _: usage.mediapipe_program(model.path.name, EXAMPLE),
        ),
        "## How fast is it?",
        "`litert-benchmark` comes with `ai-edge-litert`; on a phone add "
        "`--use_gpu` or `--use_npu`.",
        _code(
            "bash",
            "".join(
                f"litert-benchmark --model {model.path.name} --num_runs 200\n"
                for model in models.values()
            ),
        ),
    ]
    return "\n\n".join(parts).rstrip() + "\n"


def _section(models, target, language, program):
    model = _best(models, target)
    if model is None:
        return [
            f"None of these files is for {CLIENTS[target].title}; "
            f'`targets=("{target}",)` makes one'
            + (
                " of a model that takes 3 channels."
                if target == "mediapipe"
                else "."
            )
        ]
    code = _code(language, program(model, model.value_range))
    if model.output == "probabilities":
        return [code]
    return [
        f"The scores are logits: for percentages apply a softmax, or take "
        f'the file of `targets=("{target}",)`.',
        code,
    ]


def _best(models, target):
    """The file for a target that takes floats: its own, else the smallest."""
    fitting = [
        model
        for model in models.values()
        if model.quantization["input"]["dtype"] == "float32"
        and model.input_shape[-1] in (1, 3)
        and all("logits" in why for why in client_misfits(model.path)[target])
    ]
    own = models.get(target)
    if own in fitting:
        return own
    return min(
        fitting,
        key=lambda model: (
            model.output != "probabilities",
            model.path.stat().st_size,
        ),
        default=None,
    )


def _table(models):
    rows = ["| file | takes | gives | for |", "| --- | --- | --- | --- |"]
    for model in models.values():
        misfits = client_misfits(model.path)
        fits = [target for target, why in misfits.items() if not why]
        ends = model.quantization
        rows.append(
            f"| `{model.path.name}` | {ends['input']['dtype']} | "
            f"{ends['output']['dtype']} {model.output} | "
            f"{', '.join(fits) or '–'} |"
        )
    return "\n".join(rows)


def _code(language, text):
    return f"```{language}\n{text}```"
