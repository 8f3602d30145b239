"""Taylor scores for logits, sigmoids and probabilities."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tests.support import tiny
from tfdcu.graph.logits import as_logits
from tfdcu.pruning import score_channels
from tfdcu.pruning.groups import Groups
from tfdcu.pruning.importance import taylor as module
from tfdcu.pruning.importance.taylor import taylor

KERNEL = np.array([[0], [0.5], [-1], [2]], "float32")


def scores(kernel, activation=None, squeezed=False):
    """Scores of four channels, averaged and multiplied by this kernel."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="conv")(inputs)
    x = layers.GlobalAveragePooling2D()(x)
    head = layers.Dense(kernel.shape[1], activation)
    x = head(x)
    head.kernel.assign(kernel)
    x = x[:, 0] if squeezed else x
    groups = Groups(keras.Model(inputs, x))
    chosen = [group for group in groups.all if group.name == "conv"]
    score = taylor(groups, chosen, tiny.images(16, channels=3), seed=0)
    return score(None, *chosen)


@pytest.mark.parametrize(
    "end", [{}, {"activation": "sigmoid"}, {"squeezed": True}]
)
def test_a_single_logit_counts_as_two_classes(end):
    expected = scores(np.hstack([KERNEL, 0 * KERNEL]))
    assert expected[0] == 0 and (expected[1:] > 0).all()
    np.testing.assert_allclose(scores(KERNEL, **end), expected, rtol=1e-4)


def test_each_sigmoid_counts_as_two_classes():
    # A softmax would ignore a shift of all its logits.
    alike = scores(np.hstack([KERNEL, KERNEL]), "sigmoid")
    assert alike[0] == 0 and (alike[1:] > 0).all()


def two_equal(end="linear", loss=None):
    """A model whose two outputs are always equal."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(16, 3, activation="relu")(inputs)
    z = layers.Dense(1)(layers.GlobalAveragePooling2D()(x))
    z = layers.Activation(end)(layers.Concatenate()([z, z]))
    model = keras.Model(inputs, z)
    if loss:
        model.compile("sgd", loss)
    return model


def all_scores(model):
    images = tiny.images(64, channels=3)
    (found,) = score_channels(model, images).scores.values()
    return found


def test_labels_are_labels_however_the_model_tells():
    expected = all_scores(two_equal("sigmoid"))
    assert expected.max() > 1e-4
    binary = keras.losses.BinaryCrossentropy(from_logits=True)
    for model in (as_logits(two_equal("sigmoid")), two_equal(loss=binary)):
        np.testing.assert_allclose(all_scores(model), expected, rtol=1e-3)
    # Classes of equal logits do not change.
    assert all_scores(two_equal()).max() < 1e-8


def test_values_of_a_regression_count_by_their_own_change():
    model = two_equal(loss="mse")
    images = tiny.images(512, channels=3)
    groups = Groups(model)
    received = taylor(groups, groups.all, images, seed=0)(None, groups.all[0])
    seen = model.layers[2].output
    seen = np.asarray(keras.Model(model.input, seen)(images))
    slopes = seen * model.layers[3].kernel.numpy()[:, 0]
    # Two values: the noise of both meets the same slope.
    expected = 2 * (slopes**2).mean(0)
    np.testing.assert_allclose(received, expected, rtol=0.2, atol=1e-5)


def test_scores_are_the_fisher_information_of_the_gates():
    kernel = np.array([[1, -1, 0], [2, 0, 1], [-1, 1, 3], [0, 2, -2]], "f4")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="conv")(inputs)
    x = layers.GlobalAveragePooling2D()(x)
    head = layers.Dense(3)
    model = keras.Model(inputs, head(x))
    head.kernel.assign(kernel)
    groups = Groups(model)
    chosen = [group for group in groups.all if group.name == "conv"]
    images = tiny.images(512, channels=3)
    received = taylor(groups, chosen, images, seed=0)(None, *chosen)
    seen = np.asarray(keras.Model(inputs, x)(images), "float64")
    p = np.asarray(keras.ops.softmax(model(images)), "float64")
    # d log p_y / d g_c = x_c (w_cy - sum_k p_k w_ck)
    slopes = seen[:, :, None] * (kernel - (p @ kernel.T)[:, :, None])
    expected = (p[:, None] * slopes**2).sum(-1).mean(0)
    np.testing.assert_allclose(received, expected, rtol=0.15)


def test_heads_count_as_much_as_other_channels():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 6))
    heads, width = 3, 2
    attention = layers.MultiHeadAttention(heads, width, name="attention")
    x = layers.GlobalAveragePooling1D()(attention(inputs, inputs))
    head = layers.Dense(3)
    model = keras.Model(inputs, head(x))
    head.kernel.assign(2 * head.kernel)
    images = np.random.default_rng(0).normal(size=(8192, 4, 6)).astype("f4")
    # The same attention, its heads side by side.
    beside = layers.MultiHeadAttention(heads, width, output_shape=heads * width)
    seen = layers.GlobalAveragePooling1D()(beside(inputs, inputs))
    one = np.eye(heads * width).reshape(heads, width, -1)
    kernels = attention.get_weights()
    beside.set_weights([*kernels[:6], one, np.zeros(heads * width)])
    seen = np.asarray(keras.Model(inputs, seen)(images), "float64")
    kernel = kernels[6].reshape(heads * width, -1) @ head.kernel.numpy()
    p = np.asarray(keras.ops.softmax(model(images)), "float64")
    slopes = seen[:, :, None] * (kernel - (p @ kernel.T)[:, :, None])
    slopes = slopes.reshape(-1, heads, width, 3).sum(2)
    expected = (p[:, None] * slopes**2).sum(-1).mean(0)
    groups = Groups(model)
    group = groups.all[0]
    assert len(group.units) == heads
    received = taylor(groups, [group], images, 0, limit=8192)(None, group)
    np.testing.assert_allclose(received, expected, rtol=0.15)


def test_scores_are_of_all_images_whatever_they_come_in():
    model, images = tiny.plain_net(), tiny.images(40)
    expected = score_channels(model, images).scores
    dataset = tf.data.Dataset.from_tensor_slices(images).batch(40)
    for given in (
        (images[i : i + 16] for i in (0, 16, 32)),
        [*images],
        dataset,
    ):
        found = score_channels(model, given).scores
        assert found.keys() == expected.keys()
        for unit, scores in expected.items():
            np.testing.assert_allclose(found[unit], scores, rtol=1e-5)


@pytest.mark.parametrize("given", ([], np.zeros((0, 8, 8, 1), "float32")))
def test_no_images_are_refused(given):
    with pytest.raises(ValueError, match="images"):
        score_channels(tiny.plain_net(), given)


def test_windows_that_are_rows_of_the_batch_share_their_gates():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(16, 1, name="conv")(inputs)
    apart = keras.ops.reshape(x, (-1, 8, 16))
    dense = layers.Dense(16, activation="relu", name="dense")
    models = []
    for y in keras.ops.reshape(dense(apart), (-1, 8, 8, 16)), dense(x):
        y = layers.GlobalAveragePooling2D()(y)
        models.append(keras.Model(inputs, layers.Dense(4, name="end")(y)))
    models[1].set_weights(models[0].get_weights())
    images = tiny.images(512, channels=3)
    windows, whole = (
        score_channels(model, images).scores.values() for model in models
    )
    for one, other in zip(windows, whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=0.5, atol=1e-9)


def test_parts_that_fit_give_the_scores_of_one_batch(monkeypatch):
    model, images = tiny.plain_net(), tiny.images(16)
    groups, sizes = Groups(model), []

    def two(graph, shape):
        sizes.append(shape)
        return 2

    at_once = taylor(groups, groups.all, images, 0)
    monkeypatch.setattr(module, "images_with_gradients", two)
    in_parts = taylor(groups, groups.all, images, 0)
    assert sizes == [(8, 8, 1)]
    # Labels are drawn batch by batch.
    pairs = [
        [f(model, group) for f in (at_once, in_parts)] for group in groups.all
    ]
    for one, other in pairs:
        assert (one > 0).tolist() == (other > 0).tolist()
