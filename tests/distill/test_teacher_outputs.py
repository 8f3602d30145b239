"""Teachers as functions: logits, of any input size, or a clear error."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support import tiny
from tfdcu.distill.teacher_outputs import check_classes
from tfdcu.distill.teacher_outputs import different_size
from tfdcu.distill.teacher_outputs import teacher_function
from tfdcu.distill.teacher_outputs import teacher_outputs
from tfdcu.graph.resize import resized

IMAGES = tiny.images(5)


def test_a_model_gives_its_logits_without_its_softmax():
    model = tiny.plain_net()
    softmax = keras.Model(model.input, keras.layers.Softmax()(model.output))
    expected = model(IMAGES, training=False)
    for teacher in (model, softmax):
        logits = teacher_function(teacher)(IMAGES)
        np.testing.assert_allclose(logits, expected, atol=1e-6)


def test_images_are_resized_to_the_model():
    model = tiny.plain_net(size=6)
    small = resized(tf.constant(IMAGES), model.input_shape)
    assert small.shape == (5, 6, 6, 1)
    np.testing.assert_allclose(
        teacher_function(model)(tf.constant(IMAGES)),
        model(small, training=False),
        atol=1e-6,
    )
    assert resized(IMAGES, (None, 8, 8, 1)) is IMAGES
    assert resized(IMAGES, (None, None, None, 1)) is IMAGES


def test_a_function_gets_the_images_as_they_are():
    logits = teacher_function(lambda images: images[:, 0, :, 0])(IMAGES)
    np.testing.assert_array_equal(logits, IMAGES[:, 0, :, 0])
    assert logits.dtype == tf.float32


def test_other_teachers_are_refused():
    with pytest.raises(ValueError, match="Invalid value for `teacher`.*3"):
        teacher_function(3)


class Counter(keras.layers.Layer):
    """The identity; counts how often it is run."""

    num_calls = 0

    def call(self, inputs):
        self.num_calls += 1
        return inputs


def counted_net():
    """(A net that counts calls of its body and head, the two counters)."""
    inputs = keras.Input((8, 8, 1))
    body, head = Counter(name="body"), Counter(name="head")
    x = body(keras.layers.Conv2D(3, 3, name="conv")(inputs))
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(inputs, head(keras.layers.Dense(4)(x)))
    body.num_calls = head.num_calls = 0
    return model, body, head


@pytest.mark.parametrize(
    ("layers", "stored", "expected"),
    [
        ((), False, (1, 1)),
        ((), True, (0, 0)),
        (("conv", "body"), False, (1, 1)),
        (("conv", "body"), True, (1, 0)),
    ],
)
def test_a_teacher_is_run_no_more_than_needed(layers, stored, expected):
    model, body, head = counted_net()
    answers = teacher_outputs(model, 4, layers)
    body.num_calls = head.num_calls = 0
    rows = (tf.ones((2, 4)), tf.zeros((3, 4))) if stored else None
    logits, features = answers(tf.constant(IMAGES), rows)
    assert (body.num_calls, head.num_calls) == expected
    if stored:
        np.testing.assert_array_equal(logits, [[1] * 4] * 2 + [[0] * 4] * 3)
    else:
        np.testing.assert_allclose(logits, model(IMAGES), atol=1e-6)
    assert len(features) == len(layers)
    for found in features:
        np.testing.assert_allclose(
            found, model.get_layer("conv")(IMAGES), atol=1e-6
        )


def test_a_teacher_of_other_sizes_and_a_softmax_shows_its_features():
    model = tiny.plain_net(size=6)
    softmax = keras.Model(model.input, keras.layers.Softmax()(model.output))
    images = tf.constant(IMAGES)
    logits, (features,) = teacher_outputs(softmax, 4, ["relu2"])(images, None)
    small = resized(images, model.input_shape)
    np.testing.assert_allclose(logits, model(small, training=False), atol=1e-6)
    tap = keras.Model(model.input, model.get_layer("relu2").output)
    np.testing.assert_allclose(
        features, tap(small, training=False), rtol=1e-5, atol=1e-6
    )


def test_without_a_teacher_targets_are_needed():
    rows = tf.ones((5, 4))
    answers = teacher_outputs(None, 4)
    np.testing.assert_array_equal(answers(IMAGES, (rows,))[0], rows)
    with pytest.raises(ValueError, match="no teacher and.*teacher=None"):
        answers(IMAGES, None)
    with pytest.raises(ValueError, match=r"5 logits.*shape \(5, 4\)"):
        teacher_outputs(None, 5)(IMAGES, (rows,))


def test_other_classes_are_refused():
    check_classes(lambda images: images, tiny.plain_net())
    check_classes(tiny.plain_net(), tiny.plain_net())
    with pytest.raises(ValueError, match="4 logits.*a student with 5"):
        check_classes(tiny.plain_net(), tiny.plain_net(num_classes=5))


def test_different_size():
    student = tiny.plain_net()
    assert different_size(tiny.plain_net(size=6), student)
    assert not different_size(tiny.plain_net(width=24), student)
    assert not different_size(lambda images: images, student)


def test_resizing_uses_every_pixel():
    dots = np.zeros((1, 9, 9, 1), "float32")
    dots[:, 1::3, 1::3] = 1
    small = resized(tf.constant(dots), (None, 3, 3, 1))
    assert 0 < small.numpy().min() and small.numpy().max() < 0.5
