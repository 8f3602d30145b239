"""Laws of the gradient reversal, the domain classifier and its schedule."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support import tiny
from tfdcu.distill.alignment import Clock
from tfdcu.distill.alignment import DomainClassifier
from tfdcu.distill.alignment import GradientReversal
from tfdcu.distill.alignment import channel_statistics
from tfdcu.distill.alignment import dann_schedule
from tfdcu.distill.alignment import default_align_layer
from tfdcu.distill.alignment import domain_accuracy
from tfdcu.distill.alignment import domain_loss
from tfdcu.distill.alignment import reverse_gradient


def test_reversal_layer_survives_a_round_trip():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, GradientReversal(0.7)(inputs))
    clone = keras.models.clone_model(model)
    assert clone.layers[-1].scale == 0.7
    x = tf.random.stateless_normal((2, 3), (0, 0))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(clone(x))
    np.testing.assert_allclose(tape.gradient(y, x), np.full((2, 3), -0.7))


def test_reversal_refuses_a_negative_scale():
    with pytest.raises(ValueError, match="at least 0. Received: scale=-1"):
        GradientReversal(-1)


def test_schedule_by_hand():
    expected = [0.0, 2 / (1 + np.exp(-5)) - 1, 2 / (1 + np.exp(-10)) - 1]
    received = [float(dann_schedule(p)) for p in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(received, expected, atol=1e-6)


def test_domain_classifier_ignores_positions():
    features = tf.random.stateless_normal((4, 6, 6, 3), (1, 2))
    domain = DomainClassifier()
    domain.build(features.shape)
    shuffled = tf.reverse(tf.transpose(features, (0, 2, 1, 3)), axis=[1])
    np.testing.assert_allclose(
        domain(features), domain(shuffled), rtol=1e-4, atol=1e-5
    )
    assert domain(features).shape == (4, 1)


@pytest.mark.parametrize(("shape", "width"), [((4, 6, 6, 3), 6), ((4, 3), 3)])
def test_a_domain_classifier_has_one_hidden_layer(shape, width):
    features = tf.random.stateless_normal(shape, (1, 2))
    domain = DomainClassifier()
    domain.build(features.shape)
    first, bias, last, shift = (w.value for w in domain.trainable_weights)
    assert first.shape == (width, 64)
    hidden = tf.nn.relu(channel_statistics(features) @ first + bias)
    expected = hidden @ last + shift
    np.testing.assert_allclose(domain(features), expected, rtol=1e-4, atol=1e-6)


def test_default_layer_is_never_inside_a_residual_block():
    model = tiny.residual_net()
    name = default_align_layer(model)
    inside = {"block1_1", "block1_relu1", "block1_2", "block1_bn2"}
    assert name.startswith(("stem", "block1")) and name not in inside


def test_default_layer_moves_up_with_its_share():
    model = tiny.plain_net()
    assert default_align_layer(model, share=0.2) == "relu1"
    assert default_align_layer(model, share=1.0) == "pool"


def test_default_layer_needs_a_layer():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    with pytest.raises(ValueError, match="name one in `align_layers`"):
        default_align_layer(model)


@pytest.mark.parametrize("scale", [0.0, 0.5, 2.0])
def test_reversal_is_identity_forward_and_minus_scale_back(scale):
    x = tf.constant(tiny.images(5))
    upstream = tiny.images(5, seed=1)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = reverse_gradient(x, scale)
        loss = tf.reduce_sum(y * upstream)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_allclose(tape.gradient(loss, x), -scale * upstream)


def test_domain_loss_by_hand():
    labeled = np.array([[0.3], [-1.2]], "float32")
    unlabeled = np.array([[2.0], [-0.5], [0.1]], "float32")

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    expected = 0.5 * (
        -np.log(1 - sigmoid(labeled)).mean() - np.log(sigmoid(unlabeled)).mean()
    )
    received = domain_loss(labeled, unlabeled)
    np.testing.assert_allclose(received, expected, rtol=1e-6)


def test_a_domain_classifier_at_chance_has_loss_log_2():
    labeled, unlabeled = (
        np.zeros((3, 1), "float32"),
        np.zeros((9, 1), "float32"),
    )
    np.testing.assert_allclose(
        domain_loss(labeled, unlabeled), np.log(2), rtol=1e-6
    )
    assert float(domain_accuracy(labeled, unlabeled)) == 0.5


def test_domain_accuracy_weighs_both_sides_alike():
    labeled = np.array([[-1.0]], "float32")  # right
    unlabeled = np.array([[1.0], [-1.0], [-1.0], [-1.0]], "float32")  # 1/4
    received = float(domain_accuracy(labeled, unlabeled))
    assert received == pytest.approx(0.625)


def epochs(clock, steps, first, last, total):
    """Run epochs first..last of `total`; return progress before each step."""
    callback = clock.callback()
    callback.set_params({"epochs": total, "steps": steps})
    seen = []
    for epoch in range(first, last):
        callback.on_epoch_begin(epoch)
        for _ in range(steps or 3):
            seen.append(float(clock.progress))
            clock.tick()
    return seen


def test_progress_counts_steps_of_the_whole_run():
    seen = epochs(Clock(), steps=4, first=0, last=2, total=2)
    np.testing.assert_allclose(seen, np.arange(8) / 8, atol=1e-6)


def test_a_resumed_run_has_the_same_progress():
    whole = epochs(Clock(), steps=5, first=0, last=3, total=3)
    resumed = epochs(Clock(), steps=5, first=2, last=3, total=3)
    assert resumed == whole[10:]


def test_unknown_steps_move_once_an_epoch():
    seen = epochs(Clock(), steps=None, first=0, last=2, total=2)
    assert seen == pytest.approx([0, 0, 0, 0.5, 0.5, 0.5])


def test_progress_never_passes_one():
    clock = Clock()
    epochs(clock, steps=2, first=0, last=1, total=1)
    clock.tick()
    assert float(clock.progress) == 1.0
