"""What disturbs a kernel of any kind is undone; shortcuts are made up for."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.graph.graph import read_graph
from tfdcu.pruning import plan_channels
from tfdcu.pruning import reconstruct
from tfdcu.pruning.rows import rows_at
from tfdcu.pruning.solvable import find_solvable

KINDS = {
    "depthwise": layers.DepthwiseConv2D(3, depth_multiplier=2, name="it"),
    "strided": layers.DepthwiseConv2D(3, 2, "same", use_bias=False, name="it"),
    "grouped": layers.Conv2D(8, 3, groups=2, name="it"),
    "transposed": layers.Conv2DTranspose(6, 3, 2, name="it"),
    "separable": layers.SeparableConv2D(6, 3, name="it"),
    "line": layers.Conv1D(6, 3, padding="causal", name="it"),
    "line depthwise": layers.DepthwiseConv1D(3, name="it"),
    "line transposed": layers.Conv1DTranspose(6, 3, 2, name="it"),
}


def net_with(layer):
    """A convolution, the layer, pooling; logits."""
    rank = 1 if "1D" in type(layer).__name__ else 2
    inputs = keras.Input((9,) * rank + (3,))
    conv = getattr(layers, f"Conv{rank}D")
    x = conv(8, 1, activation="relu", name="stem")(inputs)
    x = layer.__class__.from_config(layer.get_config())(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = getattr(layers, f"GlobalAveragePooling{rank}D")()(x)
    outputs = layers.Dense(4, name="logits")(x)
    return tiny.shake(keras.Model(inputs, outputs))


@pytest.mark.parametrize("kind", KINDS)
def test_what_disturbs_a_kernel_is_undone(kind):
    keras.utils.set_random_seed(0)
    model = net_with(KINDS[kind])
    plan = plan_channels(model, params=1.0, round_to=1)
    student, expected = plan.apply(), plan.apply()
    layer = student.get_layer("it")
    kernel = getattr(layer, "pointwise_kernel", None)
    kernel = layer.kernel if kernel is None else kernel
    generator = np.random.default_rng(0)
    kernel.assign(kernel + 0.5 * generator.normal(size=kernel.shape))
    images = generator.normal(size=(64, *model.input_shape[1:]))
    images = images.astype("float32")
    found = reconstruct(student, plan, images)
    assert [row["layer"] for row in found] == ["stem", "it", "logits"]
    assert found[1]["after"] < 1e-5 < 1e-2 < found[1]["before"]
    ends = (
        keras.Model(one.input, one.get_layer("norm").output)
        for one in (expected, student)
    )
    tiny.assert_same_function(*ends, images, 1e-2)


def test_a_shortcut_that_differs_is_made_up_for():
    model = tiny.residual_net()
    plan = plan_channels(model, macs=0.5, round_to=1)
    graphs = read_graph(plan.apply()), read_graph(model)
    found = {one.node.path: one for one in find_solvable(*graphs)}
    have = [path for path, one in found.items() if one.shortcut]
    # Neither branch of the second block is known before the other is solved.
    assert have == ["block1_2"]
    layer, norm = found["block1_2"], model.get_layer("block1_bn2")
    generator = np.random.default_rng(0)
    own, original = (
        {
            id(t): generator.normal(size=(2, 8, 8, t.shape[-1])).astype(
                "float32"
            )
            for t in (node.inputs[0], shortcut)
        }
        for node, shortcut in zip((layer.node, layer.origin), layer.shortcut)
    )
    own, original = (
        {key: keras.ops.convert_to_tensor(v) for key, v in one.items()}
        for one in (own, original)
    )
    _, outputs = rows_at(layer, own, original, np.arange(64), plan.keep)
    origin, keep = layer.origin, plan.keep["block1_2"]
    expected = origin.op(original[id(origin.inputs[0])])
    expected = np.asarray(expected).reshape(-1, 16)[:, keep]
    mine, theirs = (
        np.asarray(values[id(t)]).reshape(128, -1)
        for values, t in zip((own, original), layer.shortcut)
    )
    scale = norm.gamma / np.sqrt(norm.moving_variance + norm.epsilon)
    expected += (theirs[:, keep] - mine) / np.asarray(scale)[keep]
    np.testing.assert_allclose(outputs[0], expected, atol=1e-4)
