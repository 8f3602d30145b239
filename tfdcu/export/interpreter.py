"""Run LiteRT files as functions from images to logits."""

import hashlib
import warnings
from pathlib import Path

import numpy as np

from tfdcu.export import flatbuffer
from tfdcu.export.quiet import quiet
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.arguments import naming
from tfdcu.workdir.json_file import read_json


class LiteRTModel:
    """A `.tflite` classifier, run by the ai-edge-litert interpreter.

    Use it to evaluate a file as a device runs it: one image at a time, integer
    inputs quantized and outputs dequantized with the parameters of the file.
    Class names and value range come from the JSON file beside it, if there is
    one for this file.

    Args:
        path: A `.tflite` file with one input, of an image or of other values,
            and outputs `(1, classes)`, or `(1, height, width, classes)` for
            maps.
        num_threads: Threads of the interpreter, at least 1. Defaults to `1`.

    Call arguments:
        images: `(n, height, width, channels)`, in the value range of the Keras
            model, or other inputs `(n, *input_shape)`; `n` may be 0.

    Returns:
        float32 outputs `(n, ..., classes)`, see `output`; of several outputs a
        dict of them by name.

    Attributes:
        input_shape: `(height, width, channels)`, or that of other inputs.
        names: Of the outputs, a list. What follows is, of several outputs, a
            dict by name: `output_shape`, `num_classes`, `kind`, `classes`,
            `output`, `output_step` and `quantization["output"]`.
        output_shape: `(classes,)`, or `(height, width, classes)`.
        num_classes: Number of classes or labels.
        kind: `"labels"` if each has a sigmoid of its own, `"values"` of a
            regression, as the JSON file says, else `"classes"`.
        classes: Names from the JSON file, or `None`.
        value_range: `(low, high)` from the JSON file, or `None`, as for other
            inputs than images.
        format: As in `export_litert`.
        output: `"probabilities"` if the file's signature calls its output so,
            else `"logits"`.
        output_step: The distance of two outputs next to each other, 0 if they
            are not quantized.
        quantization: `{"input": ..., "output": ...}`, each
            `{"dtype", "scale", "zero_point"}`; scale 0 if not quantized.
        sidecar: Content of the JSON file, `{}` without one.

    Raises:
        ValueError: If the file is missing, not a LiteRT file, cannot be run
            by the interpreter or is not a classifier; in a call, if the
            shape of the images is wrong or a pixel is not finite.

    Example:

    ```python
    student = LiteRTModel("student.tflite")
    student.classes[int(student(photo[None]).argmax())]
    ```
    """

    def __init__(self, path, num_threads=1):
        check_arguments(path=path, num_threads=num_threads)
        self.path = Path(path)
        self.num_threads = num_threads
        with naming("path"):
            facts = flatbuffer.inspect_litert(self.path)
        self.format = facts["format"]
        if facts["custom"]:
            raise ValueError(
                f"'{path}' needs custom operators. "
                "Expected: only built-in operators. Received: "
                f"{', '.join(facts['custom'])}"
            )
        self._interpreter = _load(self.path, num_threads)
        self._input, ends = _ends(self.path, self._interpreter)
        self.names = [
            one["name"] or f"output_{index}"
            for index, one in enumerate(facts["outputs"])
        ]
        self.input_shape = tuple(int(n) for n in self._input["shape"][1:])
        shapes = [tuple(int(n) for n in end["shape"][1:]) for end in ends]
        self.output_shape = self._given(shapes)
        self.num_classes = self._given([shape[-1] for shape in shapes])
        self.output_step = self._given([o["step"] for o in facts["outputs"]])
        parameters = [_parameters(end) for end in ends]
        self._outputs = list(zip(ends, parameters))
        self.quantization = {
            "input": _parameters(self._input),
            "output": self._given(parameters),
        }
        self.sidecar = _read_sidecar(self.path)
        self.classes = self.sidecar.get("classes")
        # A map of one channel is one label for each position.
        kinds = [
            "labels" if len(shape) > 1 and shape[-1] == 1 else "classes"
            for shape in shapes
        ]
        self.kind = self.sidecar.get("kind") or self._given(kinds)
        self.output = (
            "probabilities" if self.names == ["probabilities"] else "logits"
        )
        if len(ends) > 1:
            logits = dict.fromkeys(self.names, "logits")
            self.output = self.sidecar.get("output") or logits
            _check_outputs(self.path, self.names, self.kind, self.output)
        value_range = self.sidecar.get("value_range")
        _check_sidecar(self.path, self.classes, self.num_classes, value_range)
        self.value_range = value_range and tuple(value_range)

    def _given(self, values):
        """The only one of some values, or a dict by name of the output."""
        return values[0] if len(values) == 1 else dict(zip(self.names, values))

    def __call__(self, images):
        images = np.asarray(images)
        if images.shape[1:] != self.input_shape:
            raise ValueError(
                f"The images do not fit '{self.path}'. Expected: shape (n, "
                f"{', '.join(map(str, self.input_shape))}). Received: "
                f"{images.shape}"
            )
        if not np.isfinite(images).all():
            raise ValueError(
                "The images have values that are not finite. Expected: finite "
                "pixels. Received: NaN or infinity"
            )
        rows = [
            np.empty((len(images), *end["shape"][1:]), "float32")
            for end, _ in self._outputs
        ]
        for index in range(len(images)):
            self.set_image(images[index])
            self.invoke()
            for row, output in zip(rows, self._outputs):
                row[index] = self._values(*output)
        return self._given(rows)

    def set_image(self, image):
        """Sets the input of the interpreter, quantized if it takes integers.

        Args:
            image: `(height, width, channels)`, or another input.
        """
        image = np.asarray(image)[None]  # (1, h, w, c)
        tensor = quantize(image, self.quantization["input"])
        self._interpreter.set_tensor(self._input["index"], tensor)

    def invoke(self):
        """Runs the interpreter once; this is the call that `latency` times."""
        self._interpreter.invoke()

    def get_logits(self):
        """The outputs of the last run: float32 `(..., classes)`, or a dict."""
        return self._given([self._values(*output) for output in self._outputs])

    def _values(self, end, parameters):
        """An output of the last run as float32 `(..., classes)`."""
        tensor = self._interpreter.get_tensor(end["index"])
        if tensor.shape != tuple(end["shape"]):
            raise ValueError(
                f"The output of '{self.path}' has a wrong shape. "
                f"Expected: shape {tuple(end['shape'])}. Received: "
                f"{tensor.shape}"
            )
        return dequantize(tensor, parameters)[0]


def _load(path, num_threads):
    from ai_edge_litert.interpreter import Interpreter

    try:
        with quiet():
            interpreter = Interpreter(str(path), num_threads=num_threads)
            for end in interpreter.get_input_details():
                # Files exported by Keras have an unknown batch size.
                if end["shape_signature"][:1] == -1:
                    shape = [1, *end["shape"][1:]]
                    interpreter.resize_tensor_input(end["index"], shape)
            interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"The LiteRT interpreter cannot run '{path}'. Expected: a file "
            f"that it can load. Received: {error}"
        ) from error
    return interpreter


def _ends(path, interpreter):
    inputs = interpreter.get_input_details()
    outputs = interpreter.get_output_details()
    shapes = [tuple(int(n) for n in end["shape"]) for end in inputs + outputs]
    ranks = [len(shape) for shape in shapes]
    if len(inputs) != 1 or min(ranks) < 2 or shapes[0][0] != 1:
        raise ValueError(
            f"'{path}' is not a classifier. Expected: one input (1, height, "
            "width, channels), or (1, ...) of other values, and outputs "
            "(1, classes), or (1, height, width, classes) for maps. Received: "
            f"inputs and outputs of shapes {shapes}"
        )
    for end in inputs + outputs:
        if end is inputs[0] and end["dtype"] in (np.int32, np.int64):
            # Token ids.
            continue
        if np.dtype(end["dtype"]).kind in "iu" and not end["quantization"][0]:
            raise ValueError(
                f"'{path}' has an integer input or output without a scale. "
                "Expected: float inputs and outputs, or integers with a scale. "
                f"Received: {np.dtype(end['dtype'])} without a scale"
            )
    return inputs[0], outputs


def _parameters(end):
    scale, zero_point = end["quantization"]
    return {
        "dtype": np.dtype(end["dtype"]).name,
        "scale": float(scale),
        "zero_point": int(zero_point),
    }


def quantize(values, parameters):
    """Values as a file takes them.

    Args:
        values: Float array.
        parameters: One side of `LiteRTModel.quantization`.

    Returns:
        An array of the same shape and the file's dtype.
    """
    dtype = np.dtype(parameters["dtype"])
    if dtype.kind == "f" or not parameters["scale"]:
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    steps = np.round(values / parameters["scale"]) + parameters["zero_point"]
    return np.clip(steps, limits.min, limits.max).astype(dtype)


def dequantize(steps, parameters):
    """What a file gave, as float32: the inverse of `quantize`."""
    values = steps.astype("float32")
    if not parameters["scale"]:
        return values
    return (values - parameters["zero_point"]) * np.float32(parameters["scale"])


def _check_sidecar(path, classes, num_classes, value_range):
    """Raises if people changed what the JSON file says of its file."""
    numbers = value_range is None or (
        isinstance(value_range, list)
        and len(value_range) == 2
        and all(type(end) in (int, float) for end in value_range)
        and -np.inf < value_range[0] < value_range[1] < np.inf
    )
    if not _are_names(classes, num_classes) or not numbers:
        raise ValueError(
            f"'{path.with_suffix('.json')}' is damaged. Expected: `classes`, "
            f"{num_classes} names or null, and `value_range`, two finite "
            "numbers, the lower one first, or null. Received: "
            f"classes={str(classes)[:200]}, "
            f"value_range={str(value_range)[:200]}"
        )


def _check_outputs(path, names, *said):
    """Raises unless the JSON file speaks of each output of its file."""
    for one in said:
        if not isinstance(one, dict) or set(one) != set(names):
            raise ValueError(
                f"'{path.with_suffix('.json')}' is damaged. Expected: `kind` "
                f"and `output` for each of {names}. Received: {str(one)[:200]}"
            )


def _are_names(classes, num_classes):
    """Whether these are the names of so many classes, or `None`."""
    if classes is None:
        return True
    if isinstance(num_classes, dict):
        known = isinstance(classes, dict) and set(classes) <= set(num_classes)
        return known and all(
            _are_names(names, num_classes[name])
            for name, names in classes.items()
        )
    return (
        isinstance(classes, list)
        and len(classes) == num_classes
        and all(isinstance(name, str) for name in classes)
    )


def _read_sidecar(path):
    beside = path.with_suffix(".json")
    if not beside.is_file():
        return {}
    try:
        content = read_json(beside)
        digest = content.get("sha256")
    except (ValueError, AttributeError):
        content, digest = {}, None
    if digest != hashlib.sha256(path.read_bytes()).hexdigest():
        warnings.warn(
            f"'{beside}' was not written for this '{path.name}', so its class "
            "names and value range are not used.",
            stacklevel=3,
        )
        return {}
    return content
