"""Store the weights of a float32 LiteRT file as int8, per output channel."""

import copy

import numpy as np

# Below this, scales and an operator more take what the weights save.
_FEW = 256
# Where the output channels are in the weights of each operator.
_CHANNEL_AXIS = {
    "CONV_2D": 0,
    "DEPTHWISE_CONV_2D": 3,
    "FULLY_CONNECTED": 0,
    "TRANSPOSE_CONV": 0,
}
_WEIGHTS = 1


def store_weights_as_int8(content):
    """Stores weights in a quarter of their bytes; arithmetic stays float.

    They become floats again, once, when the file is loaded: it is as fast as
    the float32 file then, and takes as much memory. Each output channel has a
    scale of its own, which its largest weight sets.

    Args:
        content: The bytes of a float32 LiteRT file.

    Returns:
        The bytes of a file with `DEQUANTIZE` operators between the weights and
        the operators that use them. Small weights and biases stay floats.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    names = {
        value: name
        for name, value in vars(schema.BuiltinOperator).items()
        if name in _CHANNEL_AXIS
    }
    codes = [
        names.get(max(code.builtinCode, code.deprecatedBuiltinCode))
        for code in model.operatorCodes
    ]
    dequantize = schema.OperatorCodeT()
    number = schema.BuiltinOperator.DEQUANTIZE
    dequantize.builtinCode = dequantize.deprecatedBuiltinCode = number
    dequantize.version = 2
    model.operatorCodes.append(dequantize)
    for graph in model.subgraphs:
        unpack = []
        done = set()
        for operator in graph.operators:
            name = codes[operator.opcodeIndex]
            index = operator.inputs[_WEIGHTS] if name else None
            if name is None or index in done:
                continue
            done.add(index)
            tensor = graph.tensors[index]
            data = model.buffers[tensor.buffer].data
            if data is None or len(data) < 4 * _FEW:
                continue
            values = np.frombuffer(bytes(data), "<f4").reshape(tensor.shape)
            axis = _CHANNEL_AXIS[name]
            steps, scales = quantize_weights(values, axis)
            stored = copy.copy(tensor)
            stored.name = tensor.name + b"_int8"
            stored.type = schema.TensorType.INT8
            stored.quantization = schema.QuantizationParametersT()
            stored.quantization.scale = scales
            stored.quantization.zeroPoint = np.zeros(len(scales), "int64")
            stored.quantization.quantizedDimension = axis
            model.buffers[tensor.buffer].data = steps.view("uint8").ravel()
            tensor.buffer = 0
            tensor.quantization = None
            graph.tensors.append(stored)
            step = schema.OperatorT()
            step.opcodeIndex = len(model.operatorCodes) - 1
            step.inputs, step.outputs = [len(graph.tensors) - 1], [index]
            unpack.append(step)
        graph.operators = [*unpack, *graph.operators]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def quantize_weights(values, axis):
    """Rounds weights to 255 steps a channel, symmetric about 0.

    Args:
        values: Float array.
        axis: Its axis of output channels.

    Returns:
        (int8 array of the same shape; float32 scales, one a channel).
    """
    others = tuple(n for n in range(values.ndim) if n != axis)
    largest = np.abs(values).max(axis=others, keepdims=True)
    scales = np.where(largest > 0, largest / 127, 1).astype("float32")
    return np.round(values / scales).astype("int8"), scales.ravel()
