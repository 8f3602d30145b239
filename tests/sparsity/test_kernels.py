"""Selection of kernels, and their share of zeros."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.sparsity.kernels import choose_kernels
from tfdcu.sparsity.kernels import share_of_zeros
from tfdcu.sparsity.kernels import sparsity_of
from tfdcu.sparsity.sparsify import Sparsify


def names(*arguments):
    return [layer.name for layer, _ in choose_kernels(*arguments)]


def test_default_is_every_convolution_and_dense_except_depthwise():
    net = tiny.depthwise_net()
    assert names(net) == ["stem", "pointwise", "logits"]


def test_names_patterns_and_classes_select_and_exclude():
    net = tiny.residual_net()
    assert names(net, "block2_*") == ["block2_1", "block2_2", "block2_shortcut"]
    assert names(net, layers.Dense) == ["logits"]
    assert names(net, ["stem", layers.Dense]) == ["stem", "logits"]
    assert names(net, None, ["block*", layers.Dense]) == ["stem"]


def test_nested_shared_separable_and_frozen_layers():
    inner = keras.Sequential(
        [keras.Input((8,)), layers.Dense(8, name="inner")], name="nested"
    )
    frozen = layers.Dense(8, name="frozen", trainable=False)
    inputs = keras.Input((8, 8, 3))
    x = layers.SeparableConv2D(8, 3, name="separable")(inputs)
    x = layers.GlobalAveragePooling2D()(x)
    net = keras.Model(inputs, frozen(inner(inner(x))))
    assert names(net) == ["separable", "inner"]
    kernel = dict(
        (layer.name, kernel) for layer, kernel in choose_kernels(net)
    )["separable"]
    assert kernel is net.get_layer("separable").pointwise_kernel


def test_no_match_lists_the_layers():
    with pytest.raises(ValueError, match="conv1, conv2, logits.*'convX'"):
        choose_kernels(tiny.plain_net(), "convX")
    with pytest.raises(ValueError, match="Invalid value for `layers`.*7"):
        choose_kernels(tiny.plain_net(), [7])


def test_unbuilt_layers_are_errors():
    with pytest.raises(ValueError, match="has no weights yet"):
        choose_kernels(keras.Sequential([layers.Dense(3)]))


def test_sparsity_of_counts_zeros():
    net = tiny.plain_net()
    kernel = net.get_layer("logits").kernel  # (32, 4)
    value = kernel.numpy()
    value[:8] = 0
    kernel.assign(value)
    shares = sparsity_of(net)
    assert shares["logits"] == 0.25
    assert shares["conv1"] == 0
    sizes = [np.prod(k.shape) for _, k in choose_kernels(net)]
    assert shares["total"] == pytest.approx(32 / sum(sizes))
    assert share_of_zeros([kernel]) == 0.25


def test_a_frozen_net_is_checked_as_if_it_were_trained():
    net = tiny.plain_net()
    net.trainable = False
    with pytest.raises(ValueError, match="No layer is left"):
        choose_kernels(net)
    assert choose_kernels(net, frozen=True)
    Sparsify(final_sparsity=0.5, exclude=["conv*"]).check(net)
    with pytest.raises(ValueError, match="rank 2 only.*conv1"):
        Sparsify(final_sparsity=0.5, block_size=(4, 1)).check(net)


def test_an_excluded_name_of_no_layer_is_an_error():
    with pytest.raises(ValueError, match="no layer.*'conv1'.*: 'konv'"):
        choose_kernels(tiny.plain_net(), exclude=["konv", keras.layers.Dense])
