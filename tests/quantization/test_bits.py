"""Laws of which kernels have 8 bits and which 4: values by hand."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.graph.graph import read_graph
from tfdcu.quantization import quantize_aware
from tfdcu.quantization.bits import bits_by_name
from tfdcu.quantization.bits import divergence

IMAGES = tiny.images(64, channels=3)
LOGITS = np.random.default_rng(0).normal(size=(9, 3))


def test_divergence_of_classes_does_not_see_a_constant():
    for kind in ("classes", None):
        assert divergence(LOGITS, LOGITS + 5, kind) == pytest.approx(
            0, abs=1e-12
        )
    before, after = np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]])
    expected = 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)
    assert divergence(before, after, "classes") == pytest.approx(expected)


def test_divergence_of_labels_is_that_of_each_yes_and_no():
    before, after = np.array([[0.0, 1.0]]), np.array([[np.log(3), 1.0]])
    # From 1/2 to 3/4 of one of two labels.
    expected = 0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25)
    found = divergence(before, after, "labels")
    assert found == pytest.approx(expected / 2)
    alone = divergence(before[:, :1], after[:, :1], None)
    assert alone == pytest.approx(expected)


def test_divergence_of_values_is_a_share():
    assert divergence(LOGITS, 1.5 * LOGITS, "values") == pytest.approx(0.25)


def two_branches():
    """Two nested models whose layers have the same names, and two inputs."""
    image = keras.Input((8, 8, 3), name="image")
    ages = keras.Input((2,), name="ages")
    ends = [layers.Dense(8, name="old")(ages)]
    for name in ("left", "right"):
        inputs = keras.Input((8, 8, 3))
        x = layers.Conv2D(8, 3, activation="relu", name="conv1")(inputs)
        x = layers.BatchNormalization(name="bn")(x)
        x = layers.Conv2D(8, 3, activation="relu", name="conv2")(x)
        x = layers.GlobalAveragePooling2D()(x)
        ends.append(keras.Model(inputs, x, name=name)(image))
    x = layers.Concatenate()(ends)
    inputs = {"image": image, "ages": ages}
    return keras.Model(inputs, layers.Dense(4, name="end")(x))


def kernels_of(model):
    return [one for one in model.layers if hasattr(one, "weight_bits")]


@pytest.mark.parametrize("mean", [4.5, 5, 6, 7])
def test_a_mean_is_kept_by_layers_of_the_same_name(mean):
    images = {"image": IMAGES, "ages": np.ones((64, 2), "float32")}
    small = quantize_aware(two_branches(), images=images, weight_bits=mean)
    kernels = kernels_of(small)
    bits = [layer.weight_bits for layer in kernels]
    sizes = [np.prod(layer.kernel.shape) for layer in kernels]
    assert mean - 1 < np.average(bits, weights=sizes) <= mean
    for layer in kernels:
        if layer.name.startswith("bn"):
            assert layer.weight_bits == 8


def test_layers_of_the_same_name_are_told_apart_by_their_paths():
    graph = read_graph(two_branches())
    given = {"conv2": 4, "right/conv2": 8, "left/conv1": 4}
    found = bits_by_name(graph, given)
    bits = {
        node.path: found.get(id(node.op))
        for node in graph.nodes
        if node.op.weights
    }
    assert bits == {
        "old": None,
        "left/conv1": 4,
        "left/bn": None,
        "left/conv2": 4,
        "right/conv1": None,
        "right/bn": None,
        "right/conv2": 8,
        "end": None,
    }


@pytest.mark.parametrize("name", ["conv3", "bn", "left", "lef/conv1"])
def test_unknown_names_are_refused(name):
    with pytest.raises(
        ValueError, match=f"Unknown layer.*nearest are.*conv1.*'{name}': 4"
    ):
        quantize_aware(
            tiny.plain_net(), images=IMAGES[..., :1], weight_bits={name: 4}
        )


@pytest.mark.parametrize("mean", [5, 8])
def test_images_of_a_generator_are_read_once(mean):
    model, images = tiny.plain_net(), tiny.images(64)
    batches = (images[start : start + 16] for start in range(0, 64, 16))
    expected = quantize_aware(model, images=images, weight_bits=mean)
    small = quantize_aware(model, images=batches, weight_bits=mean)
    for weights in zip(expected.weights, small.weights, strict=True):
        np.testing.assert_array_equal(*weights)


def test_a_mean_over_several_outputs():
    net = tiny.plain_net(width=32)
    tags = layers.Dense(2, activation="sigmoid", name="tags")
    kind = layers.Softmax()(net.output)
    both = {"kind": kind, "tags": tags(net.get_layer("pool").output)}
    model = keras.Model(net.input, both)
    small = quantize_aware(model, images=tiny.images(32), weight_bits=5)
    kernels = kernels_of(small)
    sizes = [int(np.prod(layer.kernel.shape)) for layer in kernels]
    bits = [layer.weight_bits for layer in kernels]
    assert {*bits} == {4, 8}
    assert np.average(bits, weights=sizes) <= 5
    assert set(small.output) == {"kind", "tags"}
