"""Every kind of teacher gives logits and has a distinct fingerprint."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support import tiny
from tfdcu.export import LiteRTModel
from tfdcu.export import export_litert
from tfdcu.pool.teacher import open_teacher

IMAGES = tf.constant(tiny.images(20))


def softmax(logits):
    return tf.nn.softmax(tf.constant(np.asarray(logits)))


@pytest.fixture(scope="module")
def model():
    return tiny.plain_net()


@pytest.fixture(scope="module")
def logits(model):
    return np.asarray(model(IMAGES, training=False))


def saved(model, folder, **serve):
    """A SavedModel folder with a function of the model as signature."""
    folder.mkdir(exist_ok=True)
    holder = tf.Module()
    holder.model = model
    spec = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
    signatures = {
        name: tf.function(function).get_concrete_function(spec)
        for name, function in serve.items()
    }
    tf.saved_model.save(holder, str(folder), signatures=signatures)
    return folder


def test_all_kinds_of_one_teacher_give_its_logits(model, logits, tmp_path):
    model.save(tmp_path / "model.keras")
    folder = saved(
        model,
        tmp_path / "saved",
        serving_default=lambda images: {"scores": model(images)},
    )
    export_litert(model, tmp_path / "model.tflite")
    teachers = [
        model,
        tmp_path / "model.keras",
        str(tmp_path / "model.keras"),
        folder,
        tmp_path / "model.tflite",
        lambda images: model(images, training=False),
        lambda images: model(images, training=False).numpy(),
        lambda images: softmax(model(images, training=False)),
    ]
    opened = [open_teacher(one, IMAGES) for one in teachers]
    assert {one.classes for one in opened} == {4}
    for one in opened[:-1]:
        np.testing.assert_allclose(one.logits(IMAGES), logits, atol=1e-5)
    np.testing.assert_allclose(
        softmax(opened[-1].logits(IMAGES)), softmax(logits), atol=1e-6
    )
    # One model, whether live or from its file.
    digests = [one.digest for one in opened]
    assert digests[0] == digests[1] == digests[2]
    assert digests[5] == digests[6]
    assert len(set(digests)) == 5


def test_images_are_resized_to_the_models_input_size(tmp_path):
    small = tiny.plain_net(size=6)
    resized = tf.image.resize(IMAGES, (6, 6), antialias=True)
    expected = small(resized, training=False)
    folder = saved(small, tmp_path / "saved", serving_default=small.call)
    export_litert(small, tmp_path / "small.tflite")
    for teacher in (small, folder, tmp_path / "small.tflite"):
        received = open_teacher(teacher, IMAGES).logits(IMAGES)
        np.testing.assert_allclose(received, expected, atol=1e-5)


def test_other_weights_or_bytes_are_other_teachers(model, tmp_path):
    other = tiny.plain_net(seed=1)
    digests = set()
    for name, one in (("a", model), ("b", other)):
        export_litert(one, tmp_path / f"{name}.tflite")
        folder = saved(one, tmp_path / name, serving_default=one.call)
        for teacher in (one, tmp_path / f"{name}.tflite", folder, one.__call__):
            digests.add(open_teacher(teacher, IMAGES).digest)
    assert len(digests) == 8


def test_the_softmax_of_a_keras_model_is_left_out(model, logits):
    output = keras.layers.Softmax()(model.output)
    received = open_teacher(keras.Model(model.input, output), IMAGES)
    np.testing.assert_allclose(received.logits(IMAGES), logits, atol=1e-6)


def test_probabilities_in_steps_are_probabilities(tmp_path):
    inputs = keras.Input(IMAGES.shape[1:])
    spread = keras.initializers.RandomNormal(stddev=1.0, seed=0)
    x = keras.layers.Dense(10, kernel_initializer=spread)(
        keras.layers.Flatten()(inputs)
    )
    model = keras.Model(inputs, keras.layers.Softmax()(x))
    path = tmp_path / "int8.tflite"
    export_litert(model, path, "int8", calibration=tiny.images(100))
    rows = LiteRTModel(path)(IMAGES)
    # Steps of 1/256, each up to half a step off.
    assert 1e-3 < np.abs(rows.sum(1) - 1).max() <= 10 / 512
    received = softmax(open_teacher(path, IMAGES).logits(IMAGES))
    expected = rows / rows.sum(1, keepdims=True)
    np.testing.assert_allclose(received, expected, atol=1e-5)


def test_certain_probabilities_have_finite_logits():
    certain = np.eye(4, dtype="float32")[np.arange(20) % 4]
    received = open_teacher(lambda images: certain, IMAGES).logits(IMAGES)
    np.testing.assert_allclose(softmax(received), certain, atol=1e-6)
    assert np.isfinite(received).all()


def test_a_teacher_that_changes_from_probabilities_to_logits_is_refused():
    answers = iter([np.full((20, 4), 0.25), np.full((20, 4), 0.3)])
    teacher = open_teacher(lambda images: next(answers), IMAGES)
    with pytest.raises(ValueError, match="are inconsistent"):
        teacher.logits(IMAGES)


@pytest.mark.parametrize("answer", [np.zeros(20), np.zeros((3, 4))])
def test_outputs_other_than_one_row_per_image_are_refused(answer):
    with pytest.raises(ValueError, match="are not logits"):
        open_teacher(lambda images: answer, IMAGES)


def test_a_single_output_is_refused():
    with pytest.raises(ValueError, match=r"single output.*\(-z/2, z/2\)"):
        open_teacher(lambda images: images[:, 0, 0, :1], IMAGES)


def test_a_file_of_several_outputs_is_refused(tmp_path):
    net, path = tiny.plain_net(), tmp_path / "two.tflite"
    outputs = {"kind": net.output, "map": net.get_layer("relu2").output}
    export_litert(keras.Model(net.input, outputs), path, images=tiny.images())
    with pytest.raises(ValueError, match="several outputs.*'kind'"):
        open_teacher(path, tiny.images())


def test_other_teachers_are_refused(tmp_path):
    with pytest.raises(ValueError, match="Invalid value for `teacher`"):
        open_teacher(3, IMAGES)
    with pytest.raises(ValueError, match="no model file"):
        open_teacher(tmp_path / "none.keras", IMAGES)
    with pytest.raises(ValueError, match="none.tflite"):
        open_teacher(tmp_path / "none.tflite", IMAGES)


def test_a_saved_model_must_be_a_classifier(model, tmp_path):
    folder = saved(model, tmp_path / "a", other=model.call)
    with pytest.raises(ValueError, match="'serving_default'.*'other'"):
        open_teacher(folder, IMAGES)
    folder = saved(
        model,
        tmp_path / "b",
        serving_default=lambda images: {"a": images, "b": images},
    )
    with pytest.raises(ValueError, match="one input and one output"):
        open_teacher(folder, IMAGES)
