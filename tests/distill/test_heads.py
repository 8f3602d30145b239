"""Every kind of head: one logit, several labels, nested backbones."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import tfdcu
from tfdcu.distill.losses import binary_kl
from tfdcu.distill.losses import kl
from tfdcu.graph.logits import as_logits
from tfdcu.graph.logits import is_multi_label


def classifier(units, activation=None):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(8, 3, activation="relu", name="conv")(inputs)
    x = layers.Flatten()(x)
    return keras.Model(inputs, layers.Dense(units, activation, name="end")(x))


def batches(y, count=24):
    x = np.random.default_rng(0).random((count, 8, 8, 1), dtype="float32")
    few = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
    return tf.data.Dataset.zip((few, few.map(lambda x, y: x / 2)))


def distiller(student, teacher, **options):
    model = tfdcu.AlignedDistiller(student, teacher, **options)
    model.compile(keras.optimizers.SGD(0.0), metrics=["accuracy"])
    return model


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_one_logit_is_two_classes(activation):
    teacher = classifier(1, activation)
    student = tfdcu.prune_channels(teacher, macs=0.5, round_to=1)
    model = distiller(student, teacher)
    y = np.arange(24) % 2
    logs = model.fit(batches(y), verbose=0).history
    x = np.random.default_rng(0).random((24, 8, 8, 1), dtype="float32")
    scores = np.asarray(student(x))[:, 0]
    right = (scores > (0.5 if activation else 0)) == y
    np.testing.assert_allclose(logs["accuracy"], right.mean(), atol=1e-6)


def test_the_loss_of_labels_is_the_sum_over_yes_and_no():
    generator = np.random.default_rng(0)
    targets, logits = generator.normal(size=(2, 5, 3)).astype("float32")
    by_hand = 0.0
    for label in range(3):
        both = [
            tf.stack([z[:, label] / 2, -z[:, label] / 2], -1)
            for z in (targets, logits)
        ]
        by_hand = by_hand + kl(*both, 2.0)
    np.testing.assert_allclose(
        binary_kl(targets, logits, 2.0), by_hand, rtol=1e-4
    )


def test_labels_that_differ_are_seen_by_the_mimic_loss():
    teacher = classifier(5, "sigmoid")
    student = keras.models.clone_model(teacher)
    student.set_weights(teacher.get_weights())
    same = distiller(student, teacher)
    y = (np.random.default_rng(1).random((24, 5)) < 0.5).astype("float32")
    assert same.fit(batches(y), verbose=0).history["mimic"][0] < 1e-6
    # The same number added to all logits is nothing to a softmax.
    kernel, bias = student.get_layer("end").get_weights()
    student.get_layer("end").set_weights([kernel, bias + 6])
    assert same.fit(batches(y), verbose=0).history["mimic"][0] > 1


def test_accuracy_counts_labels():
    model = distiller(*[classifier(5, "sigmoid")] * 2)
    y = (np.random.default_rng(1).random((24, 5)) < 0.5).astype("float32")
    logs = model.fit(batches(y), verbose=0).history
    x = np.random.default_rng(0).random((24, 8, 8, 1), dtype="float32")
    right = (np.asarray(model.student(x)) > 0) == y
    np.testing.assert_allclose(logs["accuracy"], right.mean(), atol=1e-6)


def test_labels_of_the_other_kind_are_refused():
    many, one = classifier(5, "sigmoid"), classifier(5, "softmax")
    multi_hot = np.eye(5, dtype="float32")[np.arange(24) % 5]
    with pytest.raises(ValueError, match="0 or 1 for each of the 5 labels"):
        distiller(many, many).fit(batches(np.arange(24) % 5), verbose=0)
    with pytest.raises(ValueError, match="one integer an image"):
        distiller(one, one).fit(batches(multi_hot), verbose=0)


def test_several_sigmoids_are_remembered():
    model = classifier(5, "sigmoid")
    logits = as_logits(model)
    assert is_multi_label(model) and is_multi_label(logits)
    assert is_multi_label(as_logits(logits))
    for other in (classifier(5), classifier(5, "softmax"), classifier(1)):
        assert not is_multi_label(as_logits(other))
    assert not is_multi_label(as_logits(classifier(1, "sigmoid")))


def test_a_model_of_regression_is_not_taken_for_a_classifier():
    model = classifier(1)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="not a classifier.*regression"):
        tfdcu.AlignedDistiller(model, model)


def test_layers_inside_a_nested_backbone_are_aligned_and_trained():
    backbone = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Conv2D(16, 3, name="second"),
        ],
        name="base",
    )
    inputs = keras.Input((8, 8, 1))
    x = layers.GlobalAveragePooling2D()(backbone(inputs))
    model = keras.Model(inputs, layers.Dense(2)(x))
    free = tfdcu.AlignedDistiller(model, model)
    assert free.align_layers == ("base_norm",)
    own = tfdcu.AlignedDistiller(model, model, align_layers="base/first")
    assert own.align_layers == ("base_first",)
    own.compile(keras.optimizers.SGD(0.1))
    before = [w.numpy() for w in model.weights]
    own.fit(batches(np.arange(24) % 2), verbose=0)
    for was, weight in zip(before, model.weights):
        # The bias before a normalization has no gradient.
        moved = not np.array_equal(was, weight.numpy())
        assert moved or weight.path.endswith("first/bias")
