"""Short programs that run one LiteRT file: Python, Kotlin, JavaScript."""

import math

_PYTHON = """\
import json

import numpy as np

about = json.load(open("{json}"))

{expected}
{values}
try:
    from ai_edge_litert.compiled_model import CompiledModel

    model = CompiledModel.from_file("{name}")
    inputs = model.create_input_buffers(0)
    outputs = model.create_output_buffers(0)
    inputs[0].write(values)
    model.run_by_index(0, inputs, outputs)
    scores = outputs[0].read({num_values}, np.{dtype}){reshaped}
except (ImportError, RuntimeError):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter("{name}")
    interpreter.allocate_tensors()
    (image_in,) = interpreter.get_input_details()
    (scores_out,) = interpreter.get_output_details()
    interpreter.set_tensor(image_in["index"], values)
    interpreter.invoke()
    scores = interpreter.get_tensor(scores_out["index"])[0]
"""
_SEVERAL = """\
import json

import numpy as np
from ai_edge_litert.interpreter import Interpreter

about = json.load(open("{json}"))

{expected}
{values}
run = Interpreter("{name}").get_signature_runner()
scores = {{name: found[0] for name, found in run(image=values).items()}}
names, answers = about["classes"] or {{}}, {{}}
"""
_ONE_CLASS = """\
index = int(scores[{name!r}].argmax())
answers[{name!r}] = names[{name!r}][index] if {name!r} in names else index
"""
_ONE_MAP = (
    "answers[{name!r}] = scores[{name!r}].argmax(-1)  # of each position\n"
)
_ONE_LABELS = "answers[{name!r}] = scores[{name!r}] > {threshold}\n"
_ONE_VALUES = "answers[{name!r}] = scores[{name!r}]\n"
_CLASS = """\
index = int(scores.argmax())
label = about["classes"][index] if about["classes"] else index
"""
_MAP = "classes = scores.argmax(-1)  # of each position\n"
_LABELS = "labels = scores > {threshold}  # of each label\n"

_IMAGE = "# image: float32 {shape}, pixels in [{low:g}, {high:g}]"
_VALUES = "# given: {dtype} {shape}, values as in training"
_FLOATS = "values = np.float32(image[None])"
_INTEGERS = """\
values = np.round(image[None] / {scale!r}) + {zero_point}
values = np.clip(values, {smallest}, {largest}).astype("{dtype}")"""

_PHOTO = """\
from PIL import Image
from PIL import ImageOps

photo = ImageOps.exif_transpose(Image.open("{example}")).convert("{mode}")
photo = ImageOps.fit(photo, ({width}, {height}), Image.Resampling.BILINEAR)
image = np.float32(photo).reshape({height}, {width}, {channels}){scaled}
"""

_KOTLIN = """\
// build.gradle: implementation 'com.google.ai.edge.litert:litert:2.3.0'
val model = CompiledModel.create(
  context.assets, "{name}", CompiledModel.Options(Accelerator.CPU))
val inputs = model.createInputBuffers()
val outputs = model.createOutputBuffers()

// square: the photo upright, a Bitmap cut at the center
val photo = Bitmap.createScaledBitmap(square, {width}, {height}, true)
val colors = IntArray({pixels})
photo.getPixels(colors, 0, {width}, 0, 0, {width}, {height})
val values = FloatArray({size})
for (i in colors.indices) {{
  val c = colors[i]
{fill}
}}
inputs[0].writeFloat(values)
model.run(inputs, outputs)
val scores = outputs[0].readFloat()
// {output}; labels.txt names the classes in this order
"""
_KOTLIN_CLASS = "val index = scores.indices.maxBy {{ scores[it] }}\n"
_KOTLIN_LABELS = (
    "val held = scores.indices.filter {{ scores[it] > {threshold}f }}\n"
)

_JAVASCRIPT = """\
import {{ Tensor, loadAndCompile, loadLiteRt }} from "@litertjs/core";

await loadLiteRt("node_modules/@litertjs/core/wasm/");
const model = await loadAndCompile("{name}", {{ accelerator: "wasm" }});

// photo: an image, a video or a canvas
async function classify(photo) {{
  const wide = photo.videoWidth || photo.naturalWidth || photo.width;
  const high = photo.videoHeight || photo.naturalHeight || photo.height;
  const scale = Math.max({width} / wide, {height} / high);
  const pen = new OffscreenCanvas({width}, {height}).getContext("2d");
  pen.imageSmoothingQuality = "high";
  const left = ({width} - wide * scale) / 2;
  const top = ({height} - high * scale) / 2;
  pen.drawImage(photo, left, top, wide * scale, high * scale);
  const bytes = pen.getImageData(0, 0, {width}, {height}).data; // RGBA
  const values = new Float32Array({size});
  for (let i = 0; i < {pixels}; i++) {{
{fill}
  }}
  const input = new Tensor(values, [1, {height}, {width}, {channels}]);
  const [output] = await model.run(input);
  const scores = Array.from(await output.data());
  input.delete();
  output.delete();
  return scores; // {output}, in the order of labels.txt
}}
"""

_MEDIAPIPE = """\
import mediapipe as mp
from mediapipe.tasks.python import BaseOptions, vision

options = vision.ImageClassifierOptions(
    base_options=BaseOptions(model_asset_path="{name}"), max_results=3
)
with vision.ImageClassifier.create_from_options(options) as classifier:
    result = classifier.classify(mp.Image.create_from_file("{example}"))
for found in result.classifications[0].categories:
    print(found.category_name, found.score)
"""

# Red, green and blue weigh so much in a gray pixel, as in Pillow.
_GRAY = (0.299, 0.587, 0.114)


def python_program(path, json_name, artifact, value_range, kind="classes"):
    """A Python program that turns `image` into `scores` and what they say.

    Args:
        path: Final path of the file.
        json_name: Name of the JSON file beside it.
        artifact: A `LiteRTModel` of it.
        value_range: `(low, high)` of the pixels, or `None`: the program then
            begins with `given`, another input.
        kind: "classes", "labels" if each has a sigmoid of its own, or "values".

    Returns:
        Its text.
    """
    given = artifact.quantization["output"]
    end = _CLASS if len(artifact.output_shape) == 1 else _MAP
    if kind == "labels":
        end = _LABELS.format(threshold=_middle(artifact.output, given))
    elif kind == "values":
        end = ""
    shape = artifact.output_shape
    program = _PYTHON.format(
        json=json_name,
        name=path.name,
        **_given(artifact, value_range),
        num_values=math.prod(shape),
        reshaped=f".reshape{shape}" if len(shape) > 1 else "",
        dtype=given["dtype"],
    )
    return program + end


def several_outputs_program(
    path, json_name, artifact, value_range, kinds, outputs
):
    """As `python_program`, for several outputs: a dict of `answers` by name.

    Args:
        path, json_name, artifact, value_range: As in `python_program`.
        kinds: Dict by name of what each output answers.
        outputs: Dict by name: "logits" or "probabilities".

    Returns:
        Its text.
    """
    program = _SEVERAL.format(
        json=json_name, name=path.name, **_given(artifact, value_range)
    )
    for name, kind in kinds.items():
        end = _ONE_CLASS if len(artifact.output_shape[name]) == 1 else _ONE_MAP
        ends = {"labels": _ONE_LABELS, "values": _ONE_VALUES}
        given = artifact.quantization["output"][name]
        threshold = _middle(outputs[name], given)
        program += ends.get(kind, end).format(name=name, threshold=threshold)
    return program


def _middle(output, given):
    """Above it a label holds, in the steps of the file if those are integers.

    Args:
        output: "logits" or "probabilities".
        given: Parameters of the output, of `LiteRTModel.quantization`.
    """
    middle = 0.5 if output == "probabilities" else 0
    return f"{middle / (given['scale'] or 1) + given['zero_point']:g}"


def _given(artifact, value_range):
    """What is expected as input, and how it becomes what the file takes."""
    import numpy as np

    taken = artifact.quantization["input"]
    values = _FLOATS.replace("float32", taken["dtype"])
    if taken["scale"]:
        limits = np.iinfo(taken["dtype"])
        values = _INTEGERS.format(
            **taken, smallest=limits.min, largest=limits.max
        )
    if value_range is None:
        dtype = "float32" if taken["scale"] else taken["dtype"]
        expected = _VALUES.format(dtype=dtype, shape=artifact.input_shape)
        values = values.replace("image[None]", "given[None]")
    else:
        low, high = value_range
        expected = _IMAGE.format(shape=artifact.input_shape, low=low, high=high)
    return {"expected": expected, "values": values}


def photo_program(artifact, value_range, example):
    """Python that reads a photo as `image`; channels are 1 or 3."""
    height, width, channels = artifact.input_shape
    return _PHOTO.format(
        example=example,
        mode="L" if channels == 1 else "RGB",
        height=height,
        width=width,
        channels=channels,
        scaled=_scaled("", value_range),
    )


def kotlin_program(artifact, value_range):
    """Kotlin for `CompiledModel`, for a file that takes floats."""
    parts = [f"(c shr {shift} and 0xFF)" for shift in (16, 8, 0)]
    end = {"classes": _KOTLIN_CLASS, "labels": _KOTLIN_LABELS, "values": ""}
    threshold = _middle(artifact.output, artifact.quantization["output"])
    return _program(
        _KOTLIN, artifact, value_range, parts, "f", " " * 2, ""
    ) + end[artifact.kind].format(threshold=threshold)


def javascript_program(artifact, value_range):
    """JavaScript for LiteRT.js, for a file that takes floats."""
    parts = [f"bytes[4 * i + {place}]" for place in range(3)]
    return _program(_JAVASCRIPT, artifact, value_range, parts, "", " " * 4, ";")


def mediapipe_program(name, example):
    """Python for MediaPipe's ImageClassifier."""
    return _MEDIAPIPE.format(name=name, example=example)


def _program(template, artifact, value_range, parts, suffix, indent, end):
    height, width, channels = artifact.input_shape
    if channels == 1:
        shares = (f"{s}{suffix} * {p}" for s, p in zip(_GRAY, parts))
        parts = [f"({' + '.join(shares)})"]
    fill = "\n".join(
        f"{indent}values[{'i' if channels == 1 else f'{channels} * i + {n}'}]"
        f" = {_scaled(part, value_range, suffix)}{end}"
        for n, part in enumerate(parts)
    )
    return template.format(
        name=artifact.path.name,
        height=height,
        width=width,
        channels=channels,
        pixels=height * width,
        size=height * width * channels,
        fill=fill,
        output=artifact.output,
    )


def _scaled(part, value_range, suffix=""):
    """An expression that takes a byte to the value range."""
    low, high = value_range
    text = f"{part} / 255{suffix}"
    if high - low != 1:
        text += f" * {high - low:g}{suffix}"
    if low:
        text += f" {'+' if low > 0 else '-'} {abs(low):g}{suffix}"
    return text
