"""Teachers as functions: logits, of any input size, or a clear error."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tfdcu.transfer.teachers import check_classes
from tfdcu.transfer.teachers import resized
from tfdcu.transfer.teachers import teacher_function

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
    np.testing.assert_array_equal(
        teacher_function(model)(tf.constant(IMAGES)),
        model(small, training=False),
    )
    assert resized(IMAGES, (None, 8, 8, 1)) is IMAGES
    assert resized(IMAGES, (None, None, None, 1)) is IMAGES


def test_a_function_gets_the_images_as_they_are():
    logits = teacher_function(lambda images: images[:, 0, :, 0])(IMAGES)
    np.testing.assert_array_equal(logits, IMAGES[:, 0, :, 0])
    assert logits.dtype == tf.float32


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(ValueError, match="The teacher cannot be asked.*3"):
        teacher_function(3)


def test_other_classes_are_refused():
    check_classes(lambda images: images, tiny.plain_net())
    check_classes(tiny.plain_net(), tiny.plain_net())
    with pytest.raises(ValueError, match="4 logits.*a student with 5"):
        check_classes(tiny.plain_net(), tiny.plain_net(num_classes=5))
