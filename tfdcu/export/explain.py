"""Explain why a LiteRT file is not as small or as fast as expected."""

from tfdcu.export.clients import CLIENTS
from tfdcu.export.flatbuffer import inspect_litert
from tfdcu.workdir.percent import percent

_BYTES_PER_WEIGHT = {
    "float32": 4,
    "float16": 2,
    "dynamic": 1,
    "int8": 1,
    "weight8": 1,
    "int8_weight4": 0.5,
}

# A gain below this share of the expected gain is explained.
_SHORTFALL = 0.5


def explain(row, teacher_row, path=None):
    """Explains why a file is not smaller or faster than the teacher's.

    Use it below a table of results. It explains files that are not smaller or
    not faster, or whose gain is less than half of what follows from the number
    of weights, their format or the macs. Numbers in parentheses were measured
    with ai-edge-litert 2.3 on x86 with one thread.

    Args:
        row: Row of `report.json` for the file: `name`, `format`, `params`,
            `macs`, `bytes`, `latency_ms`, optionally `nonzero_params`; `None`
            or missing if unknown.
        teacher_row: The teacher's row, preferably of a LiteRT file too.
        path: The file, for more details. Without it only the rows are used.

    Returns:
        A list of sentences, empty if there is nothing to explain.

    Raises:
        ValueError: If `path` is given and is not a LiteRT file.

    Example:

    ```python
    for sentence in explain(row, teacher_row, "student_int8.tflite"):
        print(sentence)
    ```
    """
    facts = inspect_litert(path) if path is not None else {}
    if row.get("format") in CLIENTS:
        row = {**row, "format": CLIENTS[row["format"]].recipe.format}
    return _on_size(row, teacher_row, facts) + _on_speed(
        row, teacher_row, facts
    )


def _on_size(row, teacher_row, facts):
    gain = _ratio(row, teacher_row, "bytes")
    expected = _expected_size(row, teacher_row)
    headline = _headline(row, gain, expected, "smaller", "its weights")
    if headline is None:
        return []
    sentences = [headline]
    if expected is not None and expected <= 1:
        sentences.append(
            "It has no fewer weights than the teacher and no smaller format: "
            "the size of a file is the number of weights times their bytes."
        )
    zeros = facts.get("zero_share", 0)
    if zeros >= 0.3:
        sentences.append(
            f"{percent(zeros, 0)} of its densely stored weights are zeros that "
            "take as many bytes as other values: `sparse=True` compresses them "
            "(1,414 kB became 404 kB at 80 % zeros), and so does gzip (see "
            "`gzip_bytes`)."
        )
    structure = facts.get("structure_bytes", 0)
    total = structure + facts.get("weight_bytes", 0)
    if not facts.get("sparse_tensors") and structure > 0.3 * total:
        sentences.append(
            f"{structure:,} of its {total:,} bytes are not weights but the "
            "graph, names and quantization scales, whose size does not depend "
            "on the format."
        )
    return sentences


def _on_speed(row, teacher_row, facts):
    gain = _ratio(row, teacher_row, "latency_ms")
    macs = _ratio(row, teacher_row, "macs")
    headline = _headline(row, gain, macs, "faster", "its multiply-accumulates")
    if headline is None:
        return []
    sentences = [headline]
    if macs is not None and macs <= 1:
        sentences.append(
            "It has as many multiply-accumulates as the teacher or more."
        )
    sentences += _on_format(row, facts) + _on_zeros(row, facts)
    return sentences + _on_shape(row, facts)


def _on_format(row, facts):
    if row.get("format") in ("float16", "weight8"):
        return [
            f"{row['format']} makes only the file smaller: on a CPU the "
            "weights are unpacked to float32 when it is loaded."
        ]
    if row.get("format") == "dynamic" and facts.get("macs", {}).get(
        "DEPTHWISE_CONV_2D"
    ):
        return [
            "Dynamic-range quantization computes the ranges of the activations "
            "in every run and is slow for depthwise convolutions "
            "(MobileNetV2-0.35 at 96 pixels: float32 0.181 ms, dynamic 0.347, "
            "int8 0.116); use int8, or weight8, which is as fast as float32."
        ]
    return []


def _on_zeros(row, facts):
    params, nonzero = row.get("params"), row.get("nonzero_params")
    zeros = facts.get("zero_share", 0)
    if params and nonzero is not None:
        zeros = max(zeros, 1 - nonzero / params)
    if zeros < 0.3 and not facts.get("sparse_tensors"):
        return []
    return [
        "Zero weights are multiplied like all others (0.5 to 0.9 zeros: 2.03 "
        "to 2.07 ms). XNNPACK's sparse kernels skip them only with the sparse "
        "encoding, a first 3x3 convolution of stride 2 on 3 channels, a "
        "spatial mean at the end and at least 2/3 zeros in the 1x1 "
        "convolutions; removing whole channels helps everywhere."
    ]


def _on_shape(row, facts):
    sentences = []
    channels = facts.get("channels", [])[:-1]  # the last are the classes
    odd = [number for number in channels if number % 8]
    if odd:
        sentences.append(
            f"The number of channels of {len(odd)} of its {len(channels)} "
            f"convolutions is not a multiple of 8 (such as {odd[0]}): kernels "
            "compute groups of 8 channels, so other counts cost as much as the "
            "next multiple (int8: 32 channels 0.147 ms, 33 0.251, 40 0.248); "
            "prune with `round_to=8`."
        )
    macs = facts.get("macs", {})
    depthwise = facts.get("operators", {}).get("DEPTHWISE_CONV_2D", 0)
    if depthwise:
        share = macs["DEPTHWISE_CONV_2D"] / sum(macs.values())
        sentences.append(
            f"{depthwise} of its operators are depthwise convolutions, with "
            f"{percent(share, 0)} of the multiply-accumulates: they do little "
            "arithmetic per value read, so memory bandwidth limits them."
        )
    if (row.get("latency_ms") or 1) < 0.005:
        sentences.append(
            "A run takes a few microseconds, about one of which is the "
            "overhead of the call."
        )
    return sentences


def _headline(row, gain, expected, word, source):
    name = f"{row.get('name', 'The file')} ({row.get('format', '?')})"
    if gain is None:
        return None
    if gain <= 1:
        return f"{name} is not {word} than the teacher ({1 / gain:.2f} times)."
    if expected is not None and gain < _SHORTFALL * expected:
        return (
            f"{name} is {gain:.1f} times {word} than the teacher where "
            f"{source} suggest {expected:.1f} times."
        )
    return None


def _ratio(row, teacher_row, key):
    own, other = row.get(key), teacher_row.get(key)
    return other / own if own and other else None


def _expected_size(row, teacher_row):
    params = _ratio(row, teacher_row, "params")
    own = _BYTES_PER_WEIGHT.get(row.get("format"), 4)
    other = _BYTES_PER_WEIGHT.get(teacher_row.get("format"), 4)
    return None if params is None else params * other / own
