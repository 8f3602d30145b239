"""Put a softmax at the end of a LiteRT file, after its last operator.

In float, where a file of integers gives floats: that is exact, and LiteRT's
fast kernels have no softmax of int8.
"""

from ai_edge_litert import schema_py_generated as schema

from tfdcu.export.rewrite import extend
from tfdcu.export.rewrite import finish_model
from tfdcu.export.rewrite import offset_of
from tfdcu.export.rewrite import offsets
from tfdcu.export.rewrite import table
from tfdcu.export.rewrite import vector

NAME = "probabilities"
# Scale and zero point that LiteRT's kernels prescribe, from 0 to 255 / 256.
_STEPS = {"INT8": (1 / 256, -128), "UINT8": (1 / 256, 0)}


def append_softmax(content):
    """Makes a LiteRT file of logits one of probabilities.

    Args:
        content: The bytes of a file of one graph with one output, logits
            `(1, classes)`.

    Returns:
        The bytes of a file whose output is called `probabilities`: the softmax
        of the logits, of a single one its sigmoid.
    """
    builder, content, offset = extend(content)
    model = schema.Model.GetRootAsModel(content, 0)
    graph, signature = model.Subgraphs(0), model.SignatureDefs(0)
    old = graph.Tensors(graph.Outputs(0))
    place = graph.TensorsLength()
    tensor = _tensor(builder, old)
    code, options = _operator_code(builder, old)
    operator = table(
        builder,
        [
            ("Uint32", model.OperatorCodesLength()),
            *offsets(
                vector(builder, [graph.Outputs(0)], "Int32"),
                vector(builder, [place], "Int32"),
            ),
            *options,
        ],
    )
    tensors = _longer(builder, graph.Tensors, place, tensor, offset)
    operators = _longer(
        builder, graph.Operators, graph.OperatorsLength(), operator, offset
    )
    ends = (
        offset_of(graph._tab, 1, offset),
        vector(builder, [place], "Int32"),
        operators,
        offset_of(graph._tab, 4, offset),
    )
    graphs = vector(builder, [table(builder, offsets(tensors, *ends))])
    named = builder.CreateString(NAME)
    output = table(builder, [*offsets(named), ("Uint32", place)])
    outputs = vector(builder, [output])
    described = offsets(
        offset_of(signature._tab, 0, offset),
        outputs,
        offset_of(signature._tab, 2, offset),
    )
    changed = {
        1: _longer(
            builder,
            model.OperatorCodes,
            model.OperatorCodesLength(),
            code,
            offset,
        ),
        2: graphs,
        7: vector(builder, [table(builder, described)]),
    }
    return finish_model(builder, model, offset, changed)


def _tensor(builder, old):
    """A tensor of the type and shape of the old output."""
    (kind,) = (
        name
        for name, value in vars(schema.TensorType).items()
        if value == old.Type() and name[0] != "_"
    )
    shape = vector(builder, old.ShapeAsNumpy().tolist(), "Int32")
    steps = None
    if kind in _STEPS:
        scale, zero_point = _STEPS[kind]
        scales = vector(builder, [scale], "Float32")
        zeros = vector(builder, [zero_point], "Int64", 8)
        steps = table(builder, offsets(None, None, scales, zeros))
    named = builder.CreateString(NAME)
    fields = [("Int8", old.Type()), ("Uint32", 0), *offsets(named, steps)]
    return table(builder, [*offsets(shape), *fields])


def _operator_code(builder, old):
    """What the operator is: (its code, the fields of its options)."""
    softmax = old.Shape(1) > 1
    number = schema.BuiltinOperator
    number = number.SOFTMAX if softmax else number.LOGISTIC
    version = 2 if old.Type() == schema.TensorType.INT8 else 1
    code = table(
        builder,
        [
            ("Int8", number),
            *offsets(None),
            ("Int32", version),
            ("Int32", number),
        ],
    )
    if not softmax:
        return code, []
    beta = table(builder, [("Float32", 1.0)])
    kind = schema.BuiltinOptions.SoftmaxOptions
    return code, [("Uint8", kind), *offsets(beta)]


def _longer(builder, get, length, added, offset):
    """The old tables of a vector and one more."""
    places = [offset(get(index)._tab.Pos) for index in range(length)]
    return vector(builder, [*places, added])
