"""Make sparse fully connected weights of int8 files dense again."""


def densify_fully_connected(content):
    """Stores the weights of fully connected operators densely again.

    In int8 files the sparse encoding works for convolutions, but the default
    delegate of the interpreter rejects fully connected operators with sparse
    weights ("failed to delegate FULLY_CONNECTED node"), so that the file
    cannot be loaded. The dense weights are computed by the interpreter without
    this delegate.

    Args:
        content: The bytes of a LiteRT file with the sparse encoding.

    Returns:
        The bytes of an equivalent file; `content` itself if no fully connected
        operator has sparse weights.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(content)
    codes = [
        max(code.builtinCode, code.deprecatedBuiltinCode)
        for code in model.operatorCodes
    ]
    # One graph, and more where there are loops.
    each = []
    for graph in model.subgraphs:
        densify = {
            operator.outputs[0]: operator
            for operator in graph.operators
            if codes[operator.opcodeIndex] == schema.BuiltinOperator.DENSIFY
        }
        connected = [
            operator
            for operator in graph.operators
            if codes[operator.opcodeIndex]
            == schema.BuiltinOperator.FULLY_CONNECTED
        ]
        weights = {operator.inputs[1] for operator in connected}
        each.append({n: densify[n] for n in weights if n in densify})
    if not any(each):
        return content
    interpreter = _undelegated(content)
    for number, (graph, found) in enumerate(zip(model.subgraphs, each)):
        for index, operator in found.items():
            stored = graph.tensors[operator.inputs[0]]
            expanded = interpreter.get_tensor(index, number)
            # The sparse tensor becomes dense in place.
            stored.sparsity = None
            model.buffers[stored.buffer].data = expanded.view("uint8").ravel()
            graph.operators.remove(operator)
        same = {index: one.inputs[0] for index, one in found.items()}
        for operator in graph.operators:
            inputs = operator.inputs
            operator.inputs = [same.get(index, index) for index in inputs]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _undelegated(content):
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_litert.interpreter import OpResolverType

    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=(
            OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        ),
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    interpreter.invoke()
    return interpreter
