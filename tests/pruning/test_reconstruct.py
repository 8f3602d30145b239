"""Reconstruction: least squares at each layer, on the inputs it really gets."""

import importlib

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.pruning import activations
from tfdcu.pruning import least_squares
from tfdcu.pruning import plan_channels
from tfdcu.pruning.reconstruct import reconstruct


def twins(norm):
    """A net in which every second channel of `conv1` repeats the one before."""
    model = tiny.plain_net(norm=norm)
    for name in ("conv1", *(["bn1"] if norm else [])):
        layer = model.get_layer(name)
        weights = layer.get_weights()
        for weight in weights:
            weight[..., 1::2] = weight[..., ::2]
        layer.set_weights(weights)
    return model


def test_an_activation_inside_of_a_layer_is_looked_through():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5,))
    hidden = layers.Dense(8, "relu", name="hidden")(inputs)
    logits = layers.Dense(3, "softmax", name="logits")(hidden)
    model = keras.Model(inputs, logits)
    layer = model.get_layer("hidden")
    kernel, bias = layer.get_weights()
    kernel[:, 1::2] = kernel[:, ::2]
    layer.set_weights([kernel, bias])
    units = np.arange(8)
    x = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")
    plan = plan_channels(
        model,
        macs=0.5,
        round_to=1,
        importance=lambda model, group: units % 2 == 0,
    )
    student = plan.apply()
    reconstruct(student, plan, x)
    tiny.assert_same_function(model, student, x, 1e-3)


def halved(model, **options):
    """A plan that halves the channels of `conv1`, and the student."""
    plan = plan_channels(
        model,
        macs=0.6,
        exclude=("conv2",),
        per_layer={"conv1": 0.5},
        round_to=1,
        **options,
    )
    return plan, plan.apply()


def error(model, other, images):
    outputs = [np.asarray(m(images, training=False)) for m in (model, other)]
    return float(np.square(outputs[0] - outputs[1]).mean())


@pytest.mark.parametrize("norm", [True, False])
def test_channels_that_others_stand_for_are_made_up_for(norm):
    model, images = twins(norm), tiny.images(64)
    units = np.arange(16)
    plan, student = halved(
        model, importance=lambda model, group: units % 2 == 0
    )
    assert error(model, student, images) > 1e-4
    reconstruct(student, plan, images)
    tiny.assert_same_function(model, student, tiny.images(8, seed=1), 1e-3)


@pytest.mark.parametrize(
    "net", [tiny.plain_net, tiny.residual_net, tiny.depthwise_net]
)
def test_no_layer_misses_more_than_before_and_the_whole_misses_less(net):
    model = net()
    images = tiny.images(64, channels=model.input_shape[-1])
    plan = plan_channels(model, macs=0.5, round_to=1, images=images)
    student = plan.apply()
    before = error(model, student, images)
    found = reconstruct(student, plan, images)
    assert len(found) == sum(hasattr(one, "kernel") for one in model.layers)
    assert all(row["after"] <= row["before"] + 1e-6 for row in found)
    assert error(model, student, images) < 0.5 * before


def test_a_dense_layer_gets_the_ridge_solution_by_hand(monkeypatch):
    monkeypatch.setattr(least_squares, "RIDGES", (0.1,))
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5,))
    hidden = layers.Dense(6, name="hidden")(inputs)
    model = keras.Model(inputs, layers.Dense(3, name="logits")(hidden))
    x = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")
    plan = plan_channels(model, macs=0.5, round_to=1)
    student = plan.apply()
    kernel, _ = student.get_layer("logits").get_weights()
    reconstruct(student, plan, x)
    taken = keras.Model(student.input, student.get_layer("hidden").output)
    rows = np.asarray(taken(x), "float64")
    goal = np.asarray(model(x), "float64")
    mean, middle = rows.mean(0), goal.mean(0)
    rows, goal = rows - mean, goal - middle
    gram = rows.T @ rows
    hold = 0.1 * np.trace(gram) / len(gram) * np.eye(len(gram))
    expected = np.linalg.solve(gram + hold, rows.T @ goal + hold @ kernel)
    found, bias = student.get_layer("logits").get_weights()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(bias, middle - mean @ expected, atol=1e-4)


def test_statistics_stay_but_for_the_shift_that_a_missing_bias_asks_for():
    model, images = tiny.plain_net(), tiny.images(64)
    plan, student = halved(model)
    untouched = plan.apply()
    reconstruct(student, plan, images)
    for name in ("bn1", "bn2"):
        new, old = student.get_layer(name), untouched.get_layer(name)
        for kind in ("gamma", "beta", "moving_variance"):
            np.testing.assert_array_equal(
                getattr(new, kind), getattr(old, kind)
            )
    shift = (
        student.get_layer("bn2").moving_mean
        - untouched.get_layer("bn2").moving_mean
    )
    assert np.abs(shift).max() > 1e-3


def test_the_original_is_not_changed_and_a_seed_gives_the_same_student():
    model, images = tiny.residual_net(), tiny.images(32, channels=3)
    before = tiny.weights(model)
    plan = plan_channels(model, macs=0.5, images=images)
    students = [plan.apply(), plan.apply()]
    for student in students:
        reconstruct(student, plan, images, seed=3)
    tiny.assert_same_weights(before, tiny.weights(model))
    tiny.assert_same_weights(*map(tiny.weights, students))


def test_layers_that_are_called_twice_keep_their_weights():
    inputs = keras.Input((4, 4, 3))
    twice = layers.Conv2D(8, 1, name="twice")
    x = twice(twice(layers.Conv2D(8, 1, name="stem")(inputs)))
    model = tiny.shake(keras.Model(inputs, layers.Dense(5, name="end")(x)))
    plan = plan_channels(model, macs=0.6, round_to=1)
    student, untouched = plan.apply(), plan.apply()
    found = reconstruct(student, plan, tiny.images(32, 4, 3))
    assert [row["layer"] for row in found] == ["stem", "end"]
    tiny.assert_same_weights(
        *(tiny.weights(one.get_layer("twice")) for one in (student, untouched))
    )


@pytest.mark.parametrize(
    "change", [lambda x: x.quantize("int8"), lambda x: x.enable_lora(2)]
)
def test_a_layer_with_another_kernel_than_its_own_is_left_alone(change):
    model = tiny.plain_net(norm=False)
    x = layers.Dense(6, name="last")(model.output)
    model = keras.Model(model.input, x)
    change(model.get_layer("logits"))
    plan = plan_channels(model, macs=0.5, round_to=1)
    student, untouched = plan.apply(), plan.apply()
    found = reconstruct(student, plan, tiny.images(32))
    assert [row["layer"] for row in found] == ["conv1", "conv2", "last"]
    tiny.assert_same_weights(
        *(tiny.weights(one.get_layer("logits")) for one in (student, untouched))
    )


def test_a_layer_along_an_axis_with_pruned_channels_is_left_alone():
    inputs = keras.Input((4, 4, 3))
    x = layers.Reshape((16, 8))(layers.Conv2D(8, 1, name="stem")(inputs))
    x = layers.Dense(16, name="tokens")(layers.Permute((2, 1))(x))
    x = layers.Reshape((4, 4, 8))(layers.Permute((2, 1))(x))
    model = tiny.shake(keras.Model(inputs, layers.Dense(5, name="end")(x)))
    plan = plan_channels(
        model, params=0.96, round_to=1, per_layer={"stem": 0.75}
    )
    student = plan.apply()
    found = reconstruct(student, plan, tiny.images(16, size=4, channels=3))
    assert [row["layer"] for row in found] == ["stem", "end"]
    tiny.assert_same_weights(
        *(tiny.weights(one.get_layer("tokens")) for one in (model, student))
    )


def test_the_mean_of_a_shared_normalization_stays():
    inputs = keras.Input((8, 8, 1))
    stem = layers.Conv2D(8, 3, activation="relu", name="stem")(inputs)
    norm = layers.BatchNormalization(name="norm")
    sides = [norm(layers.Conv2D(8, 1, use_bias=False)(stem)) for _ in range(2)]
    x = layers.ReLU()(layers.Concatenate()(sides))
    x = layers.GlobalAveragePooling2D()(x)
    model = tiny.shake(keras.Model(inputs, layers.Dense(4)(x)))
    plan = plan_channels(model, params=0.7, round_to=1, per_layer={"stem": 0.5})
    student, untouched = plan.apply(), plan.apply()
    found = reconstruct(student, plan, tiny.images(32))
    assert len(found) == 4
    tiny.assert_same_weights(
        *(tiny.weights(one.get_layer("norm")) for one in (student, untouched))
    )


def test_without_images_nothing_can_be_reconstructed():
    plan = plan_channels(tiny.plain_net(), macs=0.5)
    with pytest.raises(ValueError, match="Received: no images"):
        reconstruct(plan.apply(), plan, np.empty((0, 8, 8, 1)))


def test_the_shift_gives_a_normalization_the_originals_mean():
    model, images = tiny.plain_net(), tiny.images(64)
    plan, student = halved(model)
    reconstruct(student, plan, images)
    means = []
    for net in (model, student):
        conv, norm = net.get_layer("conv2"), net.get_layer("bn2")
        seen = np.asarray(keras.Model(net.input, conv.output)(images))
        means.append(seen.mean((0, 1, 2)) - norm.moving_mean.numpy())
    np.testing.assert_allclose(means[1], means[0], atol=1e-4)


def test_layers_with_few_rows_are_counted_in_one_warning():
    plan = plan_channels(tiny.plain_net(), macs=0.5, round_to=1)
    with pytest.warns(UserWarning, match="1 of 3 layers .* 'logits' with 64"):
        found = reconstruct(plan.apply(), plan, tiny.images(64))
    rows = {row["layer"]: (row["rows"], row["unknowns"]) for row in found}
    assert rows["conv1"] == (64 * 8 * 8, 3 * 3 * 1)
    assert rows["logits"] == (64, plan.keep["pool"].size)
    assert rows["conv2"][0] >= 8 * rows["conv2"][1]


def test_batches_of_one_image_choose_a_ridge_as_well(monkeypatch):
    model, images = tiny.plain_net(), tiny.images(64)
    plan = plan_channels(model, macs=0.5, round_to=1)

    def misses(bytes_of_a_batch):
        monkeypatch.setattr(activations, "_BATCH", bytes_of_a_batch)
        return [row["after"] for row in reconstruct(plan.apply(), plan, images)]

    one, all_images = misses(1), misses(2**24)
    np.testing.assert_allclose(one, all_images, rtol=0.05, atol=1e-6)


def test_rows_are_made_in_parts_that_fit_and_count_alike(monkeypatch):
    monkeypatch.setattr(least_squares, "RIDGES", (0.1,))
    module = importlib.import_module("tfdcu.pruning.reconstruct")
    model, images = tiny.plain_net(), tiny.images(64)
    plan = plan_channels(model, macs=0.5, round_to=1)
    most = []

    def watched(layer, own, original, places, keep, make=module.rows_at):
        inputs, outputs = make(layer, own, original, places, keep)
        most.append(4 * (inputs.numpy().size + outputs.numpy().size))
        return inputs, outputs

    monkeypatch.setattr(module, "rows_at", watched)
    at_once = reconstruct(plan.apply(), plan, images)
    assert max(most) > 50_000
    most.clear()
    monkeypatch.setattr(module, "_ROWS", 50_000)
    in_parts = reconstruct(plan.apply(), plan, images)
    assert max(most) <= 50_000
    for one, other in zip(at_once, in_parts):
        assert one["rows"] == other["rows"]
        # The pooled features hardly vary, so that rounding counts.
        np.testing.assert_allclose(
            one["after"], other["after"], rtol=0.01, atol=1e-6
        )


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_mean_behind_an_activation_takes_no_shift(activation):
    keras.utils.set_random_seed(1)
    x = inputs = keras.Input((8, 8, 3))
    for number, filters in enumerate((32, 10)):
        x = layers.Conv2D(
            *(filters, 3),
            activation=activation,
            use_bias=False,
            name=f"{number}",
        )(x)
        x = layers.BatchNormalization(name=f"norm{number}")(x)
    x = layers.GlobalAveragePooling2D()(x)
    model = tiny.shake(keras.Model(inputs, x))
    images = np.random.default_rng(0).normal(size=(128, 8, 8, 3))
    images = images.astype("float32")
    plan = plan_channels(model, macs=0.5, round_to=1)
    student, untouched = plan.apply(), plan.apply()
    before = error(model, student, images)
    reconstruct(student, plan, images)
    assert error(model, student, images) < 0.9 * before
    for number in range(2):
        tiny.assert_same_weights(
            *(
                tiny.weights(one.get_layer(f"norm{number}"))
                for one in (student, untouched)
            )
        )


def test_a_layer_of_too_many_unknowns_keeps_its_kernel_and_is_named(
    monkeypatch,
):
    module = importlib.import_module("tfdcu.pruning.reconstruct")
    monkeypatch.setattr(module, "_MOST_UNKNOWNS", 100)
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(16, 3, activation="relu", name="conv")(inputs)
    x = layers.Dense(8, activation="relu", name="flat")(layers.Flatten()(x))
    model = tiny.shake(keras.Model(inputs, layers.Dense(4, name="end")(x)))
    plan = plan_channels(model, macs=0.5, round_to=1)
    student, untouched = plan.apply(), plan.apply()
    unknowns = student.get_layer("flat").kernel.shape[0]
    with pytest.warns(
        UserWarning, match=f"100 unknowns: 'flat' with {unknowns}"
    ):
        found = reconstruct(student, plan, tiny.images(64, 8, 3))
    assert [row["layer"] for row in found] == ["conv", "end"]
    tiny.assert_same_weights(
        *(tiny.weights(one.get_layer("flat")) for one in (student, untouched))
    )
