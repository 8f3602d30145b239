"""Where a file is to run, and what each of these clients wants of it."""

import dataclasses
from collections.abc import Callable

from tfdcu.export.flatbuffer import inspect_litert
from tfdcu.export.metadata import NAME as METADATA
from tfdcu.graph.images import are_images
from tfdcu.workdir.arguments import TEXTS


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What makes one LiteRT file differ from another of the same model.

    Args:
        format: One of `FORMATS`.
        io: What it takes and gives, see `export_litert`.
        output: `"logits"` or `"probabilities"`.
        metadata: Whether it holds metadata and labels.
    """

    format: str
    io: str = "float32"
    output: str = "logits"
    metadata: bool = True


@dataclasses.dataclass(frozen=True)
class Client:
    """What runs a file somewhere.

    Args:
        title: What its users call it.
        recipe: The `Recipe` of a file for it.
        misfits: Function from the facts of `inspect_litert` to the reasons why
            a file is not for it, clauses about "it".
        channels: Number of channels of an image, where only one will do.
    """

    title: str
    recipe: Recipe
    misfits: Callable
    channels: int | None = None


# The operators of tflite-micro of 2026-10, and those that ethos-u-vela 5.2
# compiles for an Ethos-U55, of what classifiers are made of.
_NPU = frozenset(
    "ABS ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D ELU EXP "
    "EXPAND_DIMS FULLY_CONNECTED GELU HARD_SWISH LEAKY_RELU LOG LOGISTIC "
    "MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG PACK PAD PADV2 PRELU "
    "QUANTIZE REDUCE_MAX REDUCE_MIN RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 "
    "RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SLICE SOFTMAX "
    "SPLIT SPLIT_V SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM TANH TILE "
    "TRANSPOSE TRANSPOSE_CONV UNPACK".split()
)
_MICRO = _NPU - {"GELU", "RELU_0_TO_1", "RELU_N1_TO_1", "TILE"} | {
    "ADD_N",
    "BATCH_MATMUL",
    "BATCH_TO_SPACE_ND",
    "CAST",
    "DEPTH_TO_SPACE",
    "DEQUANTIZE",
    "DIV",
    "FLOOR",
    "GATHER",
    "L2_NORMALIZATION",
    "LOG_SOFTMAX",
    "SHAPE",
    "SPACE_TO_BATCH_ND",
    "SPACE_TO_DEPTH",
    "SQRT",
    "SQUARE",
}


def _batch_of_one(facts):
    if facts["input"]["shape"][0] != 1:
        yield "its batch size is not fixed to 1"
    if facts["custom"]:
        yield f"it needs custom operators ({', '.join(facts['custom'])})"


def _no_int8(facts):
    if "int8" in (facts["input"]["dtype"], facts["output"]["dtype"]):
        yield "it takes or gives int8"


def _probabilities(facts):
    # Those of several outputs have names of their own.
    if len(facts["outputs"]) > 1:
        return
    if facts["output"]["name"] != "probabilities":
        yield "its scores are logits, not probabilities"


def _mediapipe(facts):
    yield from _batch_of_one(facts)
    yield from _no_int8(facts)
    yield from _probabilities(facts)
    if len(facts["outputs"]) > 1:
        yield "it has several outputs"
    if METADATA not in facts["metadata"]:
        yield "it has no metadata that says how to scale a photo"
    if facts["input"]["shape"][-1] != 3:
        yield "it does not take 3 channels"


def _web(facts):
    yield from _batch_of_one(facts)
    yield from _no_int8(facts)
    yield from _probabilities(facts)


def _android(facts):
    yield from _batch_of_one(facts)
    yield from _probabilities(facts)


def _integers_only(facts, operators):
    yield from _batch_of_one(facts)
    ends = {facts["input"]["dtype"], facts["output"]["dtype"]}
    if ends != {"int8"}:
        yield "it does not take and give int8"
    if not facts["format"].startswith("int8") or facts["float_operators"]:
        yield "it computes in float32"
    unknown = sorted(set(facts["operators"]) - operators)
    if unknown:
        yield f"it has operators unknown there ({', '.join(unknown)})"


def _ethos_u(facts):
    yield from _integers_only(facts, _NPU)
    if facts["format"] == "int8_weight4":
        yield "it has weights of 4 bits, which Vela cannot compile"


_PLAIN = Recipe("int8", "float32", "probabilities")
_INTEGER = Recipe("int8", "int8", "probabilities", metadata=False)

CLIENTS = {
    "mediapipe": Client(
        "MediaPipe Tasks' ImageClassifier", _PLAIN, _mediapipe, channels=3
    ),
    "web": Client("LiteRT.js in a browser", _PLAIN, _web),
    "android": Client("CompiledModel on Android", _PLAIN, _android),
    "microcontroller": Client(
        "LiteRT for Microcontrollers",
        _INTEGER,
        lambda facts: _integers_only(facts, _MICRO),
    ),
    "ethos-u": Client(
        "an Ethos-U NPU, by way of Vela",
        _INTEGER,
        _ethos_u,
    ),
}


def client_misfits(path):
    """Why a file is not for each of the clients.

    Args:
        path: A `.tflite` file.

    Returns:
        Dict from each target to a list of clauses, empty if the file is for
        it.

    Raises:
        ValueError: As in `inspect_litert`.

    Example:

    >>> client_misfits("student_int8.tflite")["microcontroller"]
    ['it does not take and give int8']
    """
    facts = inspect_litert(path)
    return {
        target: list(client.misfits(facts))
        for target, client in CLIENTS.items()
    }


def check_clients(targets, input_shape=None, weight_bits=8):
    """Raises if a target is unknown or cannot be served by a model.

    Args:
        targets: Names of targets.
        input_shape: (height, width, channels) of the model's image, or the
            shape of another input; `None`: not known.
        weight_bits: Smallest number of bits of a weight. Defaults to 8.

    Raises:
        ValueError: The first misfit.
    """
    if isinstance(targets, TEXTS) or not hasattr(targets, "__iter__"):
        raise ValueError(
            "Invalid value for `targets`. Expected: a list of names, such as "
            f"('web',). Received: targets={targets!r}"
        )
    for target in targets:
        if target not in list(CLIENTS):
            raise ValueError(
                "Unknown target in `targets`. Expected: any of "
                f"{', '.join(CLIENTS)}. Received: {target!r}"
            )
        if target == "ethos-u" and weight_bits < 8:
            raise ValueError(
                "No file with weights of 4 bits can be made for the target "
                "'ethos-u': Vela cannot compile them. Expected: 8 bits, or "
                f"another target. Received: {weight_bits:g} bits"
            )
        client = CLIENTS[target]
        if not client.channels or input_shape is None:
            continue
        if not are_images(input_shape):
            raise ValueError(
                f"No file of this model can be made for the target '{target}': "
                f"{client.title} hands over photos. Expected: another target. "
                f"Received: a model with inputs of shape {tuple(input_shape)}"
            )
        channels = input_shape[-1]
        if channels != client.channels:
            raise ValueError(
                f"No file of this model can be made for the target '{target}': "
                f"{client.title} hands over {client.channels} channels. "
                f"Expected: a model that takes {client.channels} channels, or "
                f"another target. Received: a model that takes {channels}"
            )
