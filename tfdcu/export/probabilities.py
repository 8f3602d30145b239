"""Put a softmax at the end of a LiteRT file, after its last operator.

In float, where a file of integers gives floats: that is exact, and LiteRT's
fast kernels have no softmax of int8.
"""

from ai_edge_litert import schema_py_generated as schema

from tfdcu.export.rewrite import children
from tfdcu.export.rewrite import extend
from tfdcu.export.rewrite import finish_model
from tfdcu.export.rewrite import offset_of
from tfdcu.export.rewrite import offsets
from tfdcu.export.rewrite import table
from tfdcu.export.rewrite import vector

NAME = "probabilities"
# Scale and zero point that LiteRT's kernels prescribe, from 0 to 255 / 256.
_STEPS = {"INT8": (1 / 256, -128), "UINT8": (1 / 256, 0)}


def append_softmax(content, multi_label=False):
    """Makes a LiteRT file of logits one of probabilities.

    Args:
        content: The bytes of a file with one output, logits `(1, classes)`.
            Other graphs in it, as a loop has, stay as they are.
        multi_label: Whether each label has a sigmoid of its own. Defaults to
            `False`.

    Returns:
        The bytes of a file whose output is called `probabilities`: the softmax
        of the logits, of a single one its sigmoid.
    """
    model = schema.Model.GetRootAsModel(content, 0)
    graph = model.Subgraphs(0)
    logits, place = graph.Outputs(0), graph.TensorsLength()
    old = graph.Tensors(logits)
    builder, root, offset = extend(content)
    old_graph, *other_graphs = children(root, 2)
    old_signature, *_ = children(root, 7)
    softmax = old.Shape(1) > 1 and not multi_label
    code, options = _operator_code(builder, old, softmax)
    operator = table(
        builder,
        [
            ("Uint32", model.OperatorCodesLength()),
            *offsets(
                vector(builder, [logits], "Int32"),
                vector(builder, [place], "Int32"),
            ),
            *options,
        ],
    )
    tensor = _tensor(builder, old)
    graph = offsets(
        _longer(builder, old_graph, 0, tensor, offset),
        offset_of(old_graph, 1, offset),
        vector(builder, [place], "Int32"),
        _longer(builder, old_graph, 3, operator, offset),
        offset_of(old_graph, 4, offset),
    )
    named = builder.CreateString(NAME)
    output = table(builder, [*offsets(named), ("Uint32", place)])
    signature = offsets(
        offset_of(old_signature, 0, offset),
        vector(builder, [output]),
        offset_of(old_signature, 2, offset),
    )
    others = [offset(one.Pos) for one in other_graphs]
    changed = {
        1: _longer(builder, root, 1, code, offset),
        2: vector(builder, [table(builder, graph), *others]),
        7: vector(builder, [table(builder, signature)]),
    }
    return finish_model(builder, root, offset, changed)


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


def _operator_code(builder, old, softmax):
    """What the operator is: (its code, the fields of its options)."""
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


def _longer(builder, old, number, added, offset):
    """The old tables of a vector and one more."""
    places = [offset(one.Pos) for one in children(old, number)]
    return vector(builder, [*places, added])
