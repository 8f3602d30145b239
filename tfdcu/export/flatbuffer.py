"""Read the contents of a LiteRT file without running it."""

import struct
from collections import Counter
from pathlib import Path

import numpy as np

IDENTIFIER = b"TFL3"

# Operators with random results.
RANDOM = ("MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM")

# As the schema names them.
_SIDES = ("Inputs", "Outputs")

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def inspect_litert(path):
    """Reads operators, weights and number formats from a LiteRT file.

    Use it to see why a file is large or slow, or which operators it needs.
    Nothing is executed.

    Args:
        path: A `.tflite` file.

    Returns:
        A dict:
        `format`: as in `export_litert`;
        `input`, `output`: each a dict with the `name` in the signature (`""`
        without one), `dtype`, `shape` (-1 where it is free) and `step`, the
        distance of two values next to each other, 0 for floats that were not
        integers before; of several the first;
        `outputs`: all outputs, such dicts, in the order of the graph;
        `metadata`: names of the blocks of metadata in the file;
        `operators`: number of occurrences of each operator, by name;
        `custom`: names of custom and Flex operators, sorted;
        `float_operators`: names of operators that compute in float32;
        `weight_bytes`: bytes of the constants (weights, biases);
        `structure_bytes`: the rest of the file: graph, names, scales;
        `zero_share`: share of zeros among the densely stored weights;
        `sparse_tensors`: number of tensors with the sparse encoding;
        `channels`: output channels of each convolution, in order;
        `macs`: multiply-accumulates of one image, by operator.

    Raises:
        ValueError: If the file is missing or not a LiteRT file.

    Example:

    ```python
    inspect_litert("student.tflite")["operators"]  # {"CONV_2D": 4, ...}
    ```
    """
    content = read(path)
    try:
        return _inspect(content)
    except (struct.error, IndexError, TypeError, AttributeError) as error:
        raise _not_litert(path, f"a damaged file ({error!r})") from error


def read(path):
    """Reads a file and checks its LiteRT identifier.

    Args:
        path: A `.tflite` file.

    Returns:
        The content as `bytes`.

    Raises:
        ValueError: If the file is missing or not a LiteRT file.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(
            "The LiteRT file cannot be found. Expected: the path of an "
            f"existing .tflite file. Received: '{path}'"
        )
    content = path.read_bytes()
    if content[4:8] != IDENTIFIER:
        raise _not_litert(path, f"{len(content)} bytes, {content[:8]!r}...")
    return content


def _not_litert(path, received):
    return ValueError(
        f"'{path}' is not a LiteRT file. Expected: a flatbuffer with the "
        f"identifier {IDENTIFIER!r} at byte 4. Received: {received}"
    )


def _inspect(content):
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAsModel(content, 0)
    names = _names(schema.BuiltinOperator)
    types = _names(schema.TensorType)
    operators, macs = Counter(), Counter()
    custom, floats, channels, constants = set(), set(), [], {}
    integers = unpacked = False
    for index in range(model.SubgraphsLength()):
        graph = model.Subgraphs(index)
        for position in range(graph.OperatorsLength()):
            operator = graph.Operators(position)
            code = model.OperatorCodes(operator.OpcodeIndex())
            # Old files have the number in the deprecated field only.
            number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            name = names[number]
            if name == "CUSTOM":
                name = code.CustomCode().decode()
                custom.add(name)
            operators[name] += 1
            result = graph.Tensors(operator.Outputs(0))
            if name != "DEQUANTIZE" and types[result.Type()] == "FLOAT32":
                floats.add(name)
            stored = False
            if name in ("DEQUANTIZE", "GATHER"):
                source = graph.Tensors(operator.Inputs(0))
                stored = model.Buffers(source.Buffer()).DataLength() > 0
                stored &= types[source.Type()] == "INT8"
            # Rows of a table of embeddings are stored so, not computed.
            integers |= types[result.Type()] == "INT8" and not stored
            unpacked |= name == "DEQUANTIZE" and stored
            if name in _CONVOLUTIONS:
                kernel = graph.Tensors(operator.Inputs(1)).ShapeAsNumpy()
                output = result.ShapeAsNumpy()
                channels.append(int(output[-1]))
                macs[name] += _macs(name, kernel, output)
            elif name in _PRODUCTS:
                shapes = [
                    graph.Tensors(operator.Inputs(i)).ShapeAsNumpy()
                    for i in range(operator.InputsLength())
                ]
                macs[name] += _PRODUCTS[name](shapes, result.ShapeAsNumpy())
        for position in range(graph.TensorsLength()):
            tensor = graph.Tensors(position)
            buffer = model.Buffers(tensor.Buffer())
            if buffer.DataLength():
                # Tensors may share a buffer.
                constants[tensor.Buffer()] = (
                    types[tensor.Type()],
                    tensor.ShapeLength(),
                    tensor.Sparsity() is not None,
                    buffer.DataAsNumpy(),
                )
    inputs, outputs = (_ends(model, side, types) for side in _SIDES)
    integers |= "int8" in inputs[0]["dtype"]
    halves = any(kind == "INT4" for kind, *_ in constants.values())
    weight_bytes = sum(data.nbytes for *_, data in constants.values())
    return {
        "format": "int8_weight4"
        if integers and halves
        else "int8"
        if integers
        else "weight8"
        if unpacked
        else _float_format(constants.values()),
        "input": inputs[0],
        "output": outputs[0],
        "outputs": outputs,
        "metadata": [
            model.Metadata(index).Name().decode()
            for index in range(model.MetadataLength())
        ],
        "operators": dict(operators),
        "custom": sorted(custom),
        "float_operators": sorted(floats),
        "weight_bytes": weight_bytes,
        "structure_bytes": len(content) - weight_bytes,
        "zero_share": _zero_share(constants.values()),
        "sparse_tensors": sum(sparse for _, _, sparse, _ in constants.values()),
        "channels": channels,
        "macs": dict(macs),
    }


def _names(enum):
    return {
        value: name
        for name, value in vars(enum).items()
        if not name.startswith("_")
    }


def _macs(name, kernel, output):
    if name == "DEPTHWISE_CONV_2D":
        # kernel (1, h, w, channels): one filter per channel.
        return int(np.prod(output) * np.prod(kernel[1:3]))
    # kernel (out, h, w, in) or (out, in). The places of a sequence may be
    # where images have their batch.
    return int(np.prod(output) * np.prod(kernel[1:]))


def _batch_matmul(shapes, output):
    """(..., m, k) times (..., k, n), turned or not, gives (..., m, n)."""
    first, second = (np.asarray(shape, float) for shape in shapes[:2])
    pairs = np.prod(first) * np.prod(second) * np.prod(output[:-2])
    batches = np.prod(first[:-2]) * np.prod(second[:-2])
    summed = np.sqrt(pairs / (batches * np.prod(output)))
    return int(round(np.prod(output) * summed))


def _transpose_conv(shapes, output):
    # The kernel (out, h, w, in) is used at each position of the image.
    return int(np.prod(shapes[2][1:3]) * np.prod(shapes[1]))


def _conv_3d(shapes, output):
    # kernel (d, h, w, in, out)
    return int(np.prod(output[1:]) * np.prod(shapes[1][:-1]))


_PRODUCTS = {
    "BATCH_MATMUL": _batch_matmul,
    "TRANSPOSE_CONV": _transpose_conv,
    "CONV_3D": _conv_3d,
}


def _ends(model, side, types):
    """All inputs or outputs: name, number format and shape of each."""
    graph, names = model.Subgraphs(0), {}
    if model.SignatureDefsLength():
        signature = model.SignatureDefs(0)
        length = getattr(signature, f"{side}Length")()
        named = [getattr(signature, side)(index) for index in range(length)]
        names = {one.TensorIndex(): one.Name().decode() for one in named}
    found = []
    for place in getattr(graph, f"{side}AsNumpy")().tolist():
        tensor = graph.Tensors(place)
        shape = tensor.ShapeSignatureAsNumpy()
        if not tensor.ShapeSignatureLength():
            shape = tensor.ShapeAsNumpy()
        found.append(
            {
                "name": names.get(place, ""),
                "dtype": types[tensor.Type()].lower(),
                "shape": [int(size) for size in shape],
                "step": _step(graph, place),
            }
        )
    return found


def _step(graph, place):
    """The scale of a tensor, or of the integers that its floats are made of."""
    for position in range(graph.OperatorsLength()):
        operator = graph.Operators(position)
        sources = operator.InputsLength()
        if operator.Outputs(0) == place and sources == 1:
            before = _scale(graph.Tensors(operator.Inputs(0)))
            return _scale(graph.Tensors(place)) or before
    return _scale(graph.Tensors(place))


def _scale(tensor):
    parameters = tensor.Quantization()
    known = parameters is not None and parameters.ScaleLength()
    return float(parameters.Scale(0)) if known else 0.0


def _float_format(constants):
    weights = {kind for kind, rank, *_ in constants if rank >= 2}
    if "INT8" in weights:
        return "dynamic"
    return "float16" if "FLOAT16" in weights else "float32"


def _zero_share(constants):
    dtypes = {"FLOAT32": "float32", "FLOAT16": "float16", "INT8": "int8"}
    weights = [
        data.view(dtypes[kind])
        for kind, rank, sparse, data in constants
        if rank >= 2 and not sparse and kind in dtypes
    ]
    size = sum(values.size for values in weights)
    if not size:
        return 0.0
    nonzero = sum(np.count_nonzero(values) for values in weights)
    return float(1 - nonzero / size)
