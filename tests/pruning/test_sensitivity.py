"""Sensitivity: without labels, one group at a time, resumable."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.pruning import prune_channels
from tfdcu.pruning import sensitivity


def test_divergence_is_that_of_the_pruned_model():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(16, 3, activation="relu", name="conv")(inputs)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(4, name="logits")(x))
    images = 10 * tiny.images(12, 8, 3)
    record = sensitivity(model, images, shares=(0.5,))
    smaller = prune_channels(
        model, macs=0.5, round_to=1, images=images, reconstruct=False
    )
    p = np.asarray(keras.ops.softmax(model(images)), "float64")
    q = np.asarray(keras.ops.softmax(smaller(images)), "float64")
    expected = (p * np.log(p / q)).sum(1).mean()
    assert [row["group"] for row in record["groups"]] == ["conv"]
    received = record["groups"][0]["divergence"][0]
    assert received == pytest.approx(expected, rel=1e-3)
    assert received > 1e-4


def test_a_single_logit_counts_as_two_classes():
    model, images = tiny.plain_net(num_classes=1), tiny.images(8)
    pair = layers.ZeroPadding1D((0, 1))(model.output[:, :, None])[:, :, 0]
    records = [
        sensitivity(one, images, shares=(0.5,), importance="l2")
        for one in (model, keras.Model(model.input, pair))
    ]
    one, two = ([r["divergence"][0] for r in x["groups"]] for x in records)
    assert min(one) > 1e-6
    assert one == pytest.approx(two)


@pytest.mark.parametrize("end", ["linear", "sigmoid"])
def test_divergences_of_labels_are_summed(end):
    model, images = tiny.plain_net(num_classes=1), tiny.images(8)
    both = layers.Concatenate()([model.output, model.output])
    both = keras.Model(model.input, layers.Activation(end)(both))
    both.compile("sgd", keras.losses.BinaryCrossentropy(end == "linear"))
    records = [
        sensitivity(one, images, shares=(0.5,), importance="l2")
        for one in (model, both)
    ]
    one, two = ([r["divergence"][0] for r in x["groups"]] for x in records)
    assert min(one) > 1e-6
    assert two == pytest.approx([2 * divergence for divergence in one])


def test_removing_dead_channels_has_no_effect():
    model = tiny.plain_net(norm=False)
    layer = model.get_layer("conv2")
    kernel, bias = layer.get_weights()
    kernel[..., 8:] = 0
    bias[8:] = 0
    layer.set_weights([kernel, bias])
    record = sensitivity(model, tiny.images(8), shares=(0.75,))
    rows = {row["group"]: row["divergence"][0] for row in record["groups"]}
    assert rows["conv2"] == pytest.approx(0, abs=1e-9)
    assert rows["conv1"] > 1e-6


def test_a_stopped_run_resumes(tmp_path):
    model, images = tiny.residual_net(), tiny.images(8, 8, 3)
    path = tmp_path / "deep" / "sensitivity.json"
    whole = sensitivity(model, images, path)
    assert json.loads(path.read_text()) == whole
    part = dict(whole, groups=[dict(whole["groups"][0], divergence=[7, 7, 7])])
    path.write_text(json.dumps(part))
    again = sensitivity(model, images, path)
    assert again["groups"][0]["divergence"] == [7, 7, 7]
    assert again["groups"][1:] == whole["groups"][1:]
    assert [p.name for p in path.parent.iterdir()] == ["sensitivity.json"]


def test_a_file_of_a_different_measurement_is_an_error(tmp_path):
    model, images = tiny.plain_net(), tiny.images(8)
    path = tmp_path / "sensitivity.json"
    sensitivity(model, images, path, shares=(0.5,))
    with pytest.raises(ValueError, match="different measurement.*shares"):
        sensitivity(model, images, path, shares=(0.25,))
    with pytest.raises(ValueError, match="different measurement.*content"):
        sensitivity(model, tiny.images(8, seed=1), path, shares=(0.5,))
    retrained = tiny.plain_net(seed=1)
    assert retrained.name == model.name
    with pytest.raises(ValueError, match="different measurement.*content"):
        sensitivity(retrained, images, path, shares=(0.5,))
    with pytest.raises(ValueError, match="between 0 and 1"):
        sensitivity(model, images, shares=(1.0,))
