"""Compare LiteRT files with their Keras models."""

import warnings

import numpy as np

from tfdcu.export.flatbuffer import RANDOM
from tfdcu.export.flatbuffer import inspect_litert
from tfdcu.export.gpu import gpu_misfits
from tfdcu.export.interpreter import LiteRTModel
from tfdcu.export.reference import keras_reference
from tfdcu.workdir.percent import percent

# Smallest share of images for which the file and the Keras model must predict
# the same class, of those that the model gives at least this probability: on
# the foreign photos of a pool its first two classes are often almost equal.
SURE = 0.5
MIN_AGREEMENT = {
    "float32": 0.99,
    "float16": 0.98,
    "dynamic": 0.95,
    "int8": 0.9,
    "weight8": 0.97,
    "int8_weight4": 0.9,
}

# Largest difference between outputs, as a share of the Keras model's largest
# absolute output.
MAX_DIFFERENCE = {
    "float32": 1e-3,
    "float16": 0.02,
    "dynamic": 0.25,
    "int8": 0.35,
    "weight8": 0.1,
    "int8_weight4": 0.35,
}


def check_litert(
    path,
    model,
    images=None,
    *,
    value_range=(0.0, 1.0),
    min_agreement=None,
    num_images=256,
    seed=0,
):
    """Runs a LiteRT file in the interpreter and compares it with Keras.

    The file must load and run, have no custom, Flex or random operators, map
    one image to finite outputs, predict the same classes as the Keras model on
    most images, and have similar logits; of several outputs, each must. Numbers
    of a regression choose nothing: they must be similar.
    `export_litert` checks every file in this way; call this function for other
    files.

    Args:
        path: A `.tflite` file.
        model: The `keras.Model` of the file. Mixed precision models are
            compared in float32.
        images: Real images, as in `take_images`. Without images, uniform noise
            is used with a warning, and agreement is measured but not required,
            since predictions on noise are arbitrary.
        value_range: `(low, high)` of the pixels. Defaults to `(0.0, 1.0)`.
        min_agreement: Smallest share of equal predictions, in [0, 1], a number
            or a dict by format, of the images whose class has a probability
            of at least 0.5 by the Keras model, or of all if there is none. At
            0 the logits are not required to be similar
            either. Defaults to `MIN_AGREEMENT`.
        num_images: Largest number of images. Defaults to `256`.
        seed: Seed of the noise. Defaults to `0`.

    Returns:
        A dict: `format`; `agreement` on all images; `sure_agreement` on those
        whose class has a probability of at least 0.5 by the Keras model, and
        `num_sure`, how many they are; `min_agreement`; `max_difference` of
        outputs, `relative_difference` as a share of the largest, and
        `max_relative_difference`; `num_images`; `images` (`"given"` or
        `"noise"`); `operators`; `gpu` (what speaks against the GPU of a phone).
        Of several outputs the agreement is that of the one with the lowest,
        and `outputs` has that of each by name. That of a regression is `None`.

    Raises:
        ValueError: If the file fails any of these checks.

    Example:

    ```python
    check_litert("student.tflite", student, x_test)["agreement"]
    ```
    """
    reference = keras_reference(
        model,
        images,
        value_range=value_range,
        num_images=num_images,
        seed=seed,
    )
    return compare(path, reference, min_agreement)


def compare(path, reference, min_agreement=None):
    """Runs the file on the reference's images and compares the outputs.

    A file of probabilities is compared with the model's probabilities.

    Args:
        path: A `.tflite` file.
        reference: The dict from `keras_reference`.
        min_agreement: See `check_litert`.

    Returns:
        See `check_litert`.

    Raises:
        ValueError: See `check_litert`.
    """
    operators = _check_operators(path)
    artifact, images = LiteRTModel(path), reference["images"]
    expected = expected_of(artifact, reference)
    check_ends(artifact, images, expected)
    received = artifact(images)
    if len(expected) == 1:
        received = dict.fromkeys(expected, received)
    each = {
        name: compare_output(received[name], values, one)
        for (name, values), one in zip(
            expected.items(), reference["outputs"].values()
        )
    }
    worst = min(
        each.values(),
        key=lambda one: (
            np.inf if one["sure_agreement"] is None else one["sure_agreement"]
        ),
    )
    differences = "max_difference", "relative_difference"
    measured = {
        "format": artifact.format,
        **worst,
        # NaN, if any is.
        **{
            n: float(np.max([x[n] for x in each.values()])) for n in differences
        },
        "min_agreement": smallest_agreement(min_agreement, artifact.format),
        "max_relative_difference": MAX_DIFFERENCE[artifact.format],
        "num_images": len(images),
        "images": "given" if reference["given"] else "noise",
        "operators": operators,
        "gpu": ["it takes integers"]
        if artifact.quantization["input"]["scale"]
        else gpu_misfits(path, images),
    }
    if len(each) > 1:
        measured["outputs"] = {n: one["agreement"] for n, one in each.items()}
    _check_limits(path, measured)
    return measured


def expected_of(artifact, reference):
    """Dict by name of the Keras model's outputs, as the file should give them.

    Args:
        artifact: A `LiteRTModel`.
        reference: The dict from `keras_reference`.
    """
    outputs = reference["outputs"]
    if len(outputs) > 1:
        return {name: one["logits"] for name, one in outputs.items()}
    (only,) = outputs.values()
    kind = artifact.output if len(artifact.names) == 1 else "logits"
    return {kind: only[kind]}


def check_ends(artifact, images, expected):
    """Raise if input or outputs of a file have other shapes.

    Args:
        artifact: A `LiteRTModel`.
        images: Array (n, *input_shape).
        expected: Dict by name of arrays (n, ..., classes).
    """
    wanted = {name: values.shape[1:] for name, values in expected.items()}
    if len(wanted) == 1:
        (wanted,) = wanted.values()
    given = artifact.output_shape
    if artifact.input_shape != images.shape[1:] or given != wanted:
        raise ValueError(
            f"'{artifact.path}' is not a file of this model. Expected: input "
            f"{images.shape[1:]}, output {wanted}. Received: input "
            f"{artifact.input_shape}, output {given}"
        )


def compare_output(received, expected, reference):
    """How far an output of a file is from that of the Keras model.

    Args:
        received, expected: Float arrays (n, ..., classes).
        reference: One of `outputs` of `keras_reference`.

    Returns:
        Dict of `agreement`, `sure_agreement`, `num_sure`, `max_difference` and
        `relative_difference`, see `check_litert`.
    """
    difference = np.abs(received - expected).max()
    scale = np.abs(expected).max()
    return {
        **agreement_of(received, expected, reference),
        "max_difference": float(difference),
        "relative_difference": float(difference / scale if scale else 0.0),
    }


def agreement_of(received, expected, reference):
    """The agreement in `compare_output`, whose arguments these are."""
    kind = reference["kind"]
    if kind == "values":
        return {"agreement": None, "sure_agreement": None, "num_sure": 0}
    same = first_choices(received, expected, kind) == first_choices(
        expected, expected, kind
    )
    sure = are_sure(reference["probabilities"], kind)
    return {
        "agreement": float(np.mean(same)),
        "sure_agreement": float(np.mean(same[sure])),
        "num_sure": int(np.sum(sure)),
    }


def are_sure(probabilities, kind="classes"):
    """Which images are clear to a model; all of them if none is.

    Args:
        probabilities: Float (n, ..., classes).
        kind: What they answer, "classes" or "labels". Defaults to "classes".

    Returns:
        Bool (n, ...); of labels (n, ..., labels).
    """
    if kind == "labels":
        return np.ones(probabilities.shape, bool)
    sure = probabilities.max(axis=-1) >= SURE
    return sure if sure.any() else ~sure


def first_choices(outputs, expected, kind="classes"):
    """Predicted classes: the argmax, or a threshold for labels.

    Args:
        outputs: Float (n, ..., classes).
        expected: The Keras model's outputs. If all are in [0, 1], they are
            probabilities and the threshold is 0.5, otherwise 0.
        kind: What they answer, "classes" or "labels". Defaults to "classes".

    Returns:
        Int or bool (n, ...); of labels bool (n, ..., labels).
    """
    if kind != "labels":
        return outputs.argmax(-1)
    probabilities = expected.min() >= 0 and expected.max() <= 1
    return outputs > (0.5 if probabilities else 0.0)


def smallest_agreement(min_agreement, name):
    """The required agreement of a format.

    Args:
        min_agreement: `None`, a number, or a dict from format to number.
        name: The format.

    Returns:
        A float.
    """
    if isinstance(min_agreement, (int, float)):
        return float(min_agreement)
    return float((min_agreement or {}).get(name, MIN_AGREEMENT[name]))


def _check_operators(path):
    facts = inspect_litert(path)
    refused = facts["custom"] + [n for n in facts["operators"] if n in RANDOM]
    if refused:
        raise ValueError(
            f"'{path}' holds operators that a device cannot run or that are "
            "random. Expected: built-in, deterministic operators. Received: "
            f"{', '.join(refused)}"
        )
    floats = set(facts["float_operators"])
    if facts["output"]["dtype"] == "float32":
        # At the end of a file that gives floats.
        floats -= {"SOFTMAX", "LOGISTIC"}
    if facts["format"].startswith("int8") and floats:
        warnings.warn(
            "The int8 file computes some operators in float32, for which "
            "LiteRT has no int8 kernel: "
            f"{', '.join(sorted(floats))}. It will not run on "
            "devices without float arithmetic.",
            stacklevel=3,
        )
    return facts["operators"]


def _check_limits(path, measured):
    if not np.isfinite(measured["max_difference"]):
        raise ValueError(
            f"'{path}' has outputs that are not finite. Expected: finite "
            "logits. Received: NaN or infinity"
        )
    if not measured["min_agreement"]:
        return
    name = measured["format"]
    if measured["relative_difference"] > measured["max_relative_difference"]:
        raise ValueError(
            f"The {name} file differs too much from the Keras model. Expected: "
            "a largest logit difference of at most "
            f"{measured['max_relative_difference']:g} of the largest logit; "
            "min_agreement=0 turns the comparison off. Received: "
            f"{measured['relative_difference']:.3g} on "
            f"{measured['num_images']} images"
        )
    if measured["images"] == "noise" or measured["agreement"] is None:
        return
    if measured["sure_agreement"] < measured["min_agreement"]:
        raise ValueError(
            f"The {name} file agrees too rarely with the Keras model. "
            "Expected: the same prediction for at least "
            f"{percent(measured['min_agreement'], 1)} of the images "
            "(`min_agreement`) whose class has a probability of at least "
            f"{percent(SURE, 0)}. Received: "
            f"{percent(measured['sure_agreement'], 1)} of "
            f"{measured['num_sure']} images "
            f"({percent(measured['agreement'], 1)} of all "
            f"{measured['num_images']})"
        )
