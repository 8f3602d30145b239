"""`ChannelPlan` reports the kept channels of every layer."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.pruning import plan_channels


def branches():
    """Concatenation, flattening and a shortcut, twice over."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(16, 3, padding="same", name="one")(inputs)
    y = layers.Conv2D(16, 3, padding="same", name="two")(inputs)
    both = layers.Concatenate(name="both")([x, y])
    z = layers.Conv2D(32, 1, activation="relu", name="three")(both)
    z = layers.Add(name="sum")([z, both])
    z = layers.MaxPooling2D(4, name="pool")(z)
    z = layers.Flatten(name="flat")(z)
    return keras.Model(inputs, layers.Dense(4, name="logits")(z))


NETS = {
    "plain": tiny.plain_net,
    "residual": tiny.residual_net,
    "depthwise": tiny.depthwise_net,
    "branches": branches,
}


def masked_model(model, plan):
    """The model with the input weights of removed channels set to zero."""
    stays = plan._kept[plan._groups.unit]
    for side in plan._groups.trace.sides.values():
        if side.role == "in":
            value = keras.ops.convert_to_numpy(side.variable)
            view = [1] * value.ndim
            view[side.axis] = -1
            side.variable.assign(value * stays[side.labels].reshape(view))
    return model


@pytest.mark.parametrize("net", NETS)
def test_kept_channels_of_every_layer_match_the_smaller_model(net):
    model = NETS[net]()
    plan = plan_channels(model, macs=0.5)
    masked_model(model, plan)
    smaller, kept = plan.apply(), plan.kept_channels()
    names = [layer.name for layer in model.layers[1:]]
    assert set(kept) < set(names) and "logits" not in kept
    images = tiny.images(3, 8, model.input_shape[-1])
    before, after = (
        keras.Model(one.input, [one.get_layer(name).output for name in names])(
            images, training=False
        )
        for one in (model, smaller)
    )
    for name, whole, part in zip(names, before, after, strict=True):
        whole = np.asarray(whole)
        expected = whole[..., kept[name]] if name in kept else whole
        np.testing.assert_allclose(
            part, expected, atol=1e-5 * np.abs(whole).max(), err_msg=name
        )


def test_kept_channels_are_json_ready():
    plan = plan_channels(tiny.residual_net(), macs=0.5)
    kept = plan.kept_channels()
    assert json.loads(json.dumps(kept)) == kept
    for name, indices in kept.items():
        assert indices == plan.keep[name].tolist() == sorted(indices)
    assert kept["stem"] == kept["stem_bn"] == kept["block1_out"]


def test_layers_that_lose_no_channel_are_left_out():
    plan = plan_channels(
        tiny.plain_net(), macs=0.6, exclude="conv2", importance="l1"
    )
    assert set(plan.kept_channels()) == {"conv1", "bn1", "relu1"}
