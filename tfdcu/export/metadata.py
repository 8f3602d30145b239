"""TFLite metadata: what MediaPipe and Google's samples read from a file.

The schema is `metadata_schema.fbs` of the TFLite Support library; the tables
here have its fields in their places. The library itself cannot be installed
beside TensorFlow 2.21, and neither can MediaPipe.
"""

import io
import zipfile

from tfdcu.export.rewrite import aligned_bytes
from tfdcu.export.rewrite import children
from tfdcu.export.rewrite import extend
from tfdcu.export.rewrite import finish_model
from tfdcu.export.rewrite import offsets
from tfdcu.export.rewrite import table
from tfdcu.export.rewrite import vector
from tfdcu.workdir.console import printable

NAME = "TFLITE_METADATA"
LABELS = "labels.txt"
# The schema's numbers of what is used here.
_IMAGE, _NORMALIZATION, _AXIS_LABELS = 2, 1, 2
_COLORS = {3: 1, 1: 2}


def add_metadata(content, name, shape, value_range, output, classes=None):
    """Adds metadata to a LiteRT file, whose weights stay as they are.

    A client that scales photos itself, such as MediaPipe's ImageClassifier,
    learns from it how: (pixel - mean) / std for pixels from 0 to 255 gives
    `value_range`. Labels are appended as a zip, which the file then is too.

    Args:
        content: The bytes of a LiteRT file.
        name: Name of the model.
        shape: `(height, width, channels)` of the image.
        value_range: `(low, high)` of the pixels that the model takes.
        output: `"logits"` or `"probabilities"`.
        classes: Class names in output order; `None` for none.

    Returns:
        The bytes of a file that the interpreter runs as before.
    """
    described = _model_metadata(name, shape, value_range, output, classes)
    content = _with_metadata(content, described)
    if classes is None:
        return content
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a") as archive:
        # Of a fixed date, so that equal models have equal files.
        archive.writestr(zipfile.ZipInfo(LABELS), labels_text(classes))
    return file.getvalue()


def labels_text(classes):
    """The text of `labels.txt`: one name a line, in output order.

    Args:
        classes: Class names; a control character in one becomes a space.

    Returns:
        A string.
    """
    return "".join(printable(str(name)) + "\n" for name in classes)


def _model_metadata(name, shape, value_range, output, classes):
    import flatbuffers

    low, high = value_range
    scale = 255 / (high - low)
    height, width, channels = shape
    builder = flatbuffers.Builder(1024)
    text = builder.CreateString
    size = table(builder, [("Uint32", width), ("Uint32", height)])
    image = table(
        builder,
        [("Int8", _COLORS.get(channels, 0)), ("UOffsetTRelative", size)],
    )
    content = table(builder, [("Uint8", _IMAGE), ("UOffsetTRelative", image)])
    mean, std = (vector(builder, [n], "Float32") for n in (-low * scale, scale))
    normalization = table(builder, offsets(mean, std))
    unit = table(
        builder,
        [("Uint8", _NORMALIZATION), ("UOffsetTRelative", normalization)],
    )
    pixels = table(
        builder,
        offsets(
            text("image"),
            None,
            None,
            content,
            vector(builder, [unit]),
        ),
    )
    files = None
    if classes is not None:
        labels = offsets(text(LABELS), None) + [("Int8", _AXIS_LABELS)]
        files = vector(builder, [table(builder, labels)])
    scores = table(
        builder,
        offsets(text(output), None, None, None, None, None, files),
    )
    graph = table(
        builder,
        offsets(
            None, None, vector(builder, [pixels]), vector(builder, [scores])
        ),
    )
    model = offsets(
        text(name),
        text("Image classifier, compressed with tfdcu"),
        None,
        vector(builder, [graph]),
    )
    oldest = [None] * 3 + [text("1.0.0")]
    builder.Finish(table(builder, model + offsets(*oldest)), b"M001")
    return bytes(builder.Output())


def _with_metadata(content, described):
    builder, root, offset = extend(content)
    buffers = [offset(old.Pos) for old in children(root, 4)]
    entries = [offset(old.Pos) for old in children(root, 6)]
    name = builder.CreateString(NAME)
    entries.append(table(builder, [*offsets(name), ("Uint32", len(buffers))]))
    buffers.append(table(builder, offsets(aligned_bytes(builder, described))))
    changed = {4: vector(builder, buffers), 6: vector(builder, entries)}
    return finish_model(builder, root, offset, changed)
