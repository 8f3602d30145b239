"""Laws of the loss on images that nobody was shown."""

import keras
import numpy as np
import pytest

from tests.distill.test_distiller import batches
from tests.distill.test_distiller import teacher
from tests.support import tiny
from tfdcu import AlignedDistiller
from tfdcu import data
from tfdcu.distill.losses import kl
from tfdcu.distill.validation import ValidationMimic
from tfdcu.distill.validation import overfit_warning

HELD_OUT = 0.4 * tiny.images(150, seed=9)


def trained(callback, epochs=2):
    student = tiny.plain_net()
    model = AlignedDistiller(student, teacher(), temperature=3.0)
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    options = {"epochs": epochs, "callbacks": [callback], "verbose": 0}
    return student, model.fit(batches(), **options).history


@pytest.mark.parametrize("mirror", [False, True])
def test_it_is_the_mimic_loss_of_the_last_weights_and_moves_none(mirror):
    source = data.open_source(HELD_OUT, labeled=False)
    student, history = trained(ValidationMimic(source, teacher(), mirror))
    targets = teacher()(HELD_OUT, training=False)
    if mirror:
        other = teacher()(HELD_OUT[:, :, ::-1], training=False)
        targets = (targets + other) / 2
    logits = student(HELD_OUT, training=False)
    expected = float(np.mean(kl(targets, logits, 3.0)))
    assert history["val_mimic"][-1] == pytest.approx(expected, rel=1e-4)
    assert len(history["val_mimic"]) == 2
    alone, history = trained(ValidationMimic(None, teacher()))
    assert "val_mimic" not in history
    tiny.assert_same_weights(tiny.weights(alone), tiny.weights(student))


def test_what_is_learned_by_heart_is_said():
    (sentence,) = overfit_warning({"mimic": [1, 0.071], "val_mimic": [1, 0.13]})
    assert "0.071 there and 0.13 on" in sentence
    assert "`targets.views`" in sentence
    assert not overfit_warning({"mimic": [0.1], "val_mimic": [0.15]})
    assert not overfit_warning({"mimic": [0.1]})


def test_a_student_in_float16_is_asked_as_well():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = AlignedDistiller(tiny.plain_net(), teacher())
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile("sgd")
    images = data.open_source(HELD_OUT[:4], labeled=False)
    callback, logs = ValidationMimic(images, teacher()), {}
    callback.set_model(model)
    callback.on_epoch_end(0, logs)
    logits = model.predict_on_batch(HELD_OUT[:4])
    assert logits.dtype == "float16"
    targets = teacher()(HELD_OUT[:4], training=False)
    expected = np.mean(kl(targets, logits.astype("float32"), 4.0))
    assert logs["val_mimic"] == pytest.approx(expected, rel=1e-4)


def test_a_mirrored_teacher_is_one_that_tells_left_from_right():
    source = data.open_source(HELD_OUT, labeled=False)
    sided = tiny.linear_net(seed=7)
    student, history = trained(
        ValidationMimic(source, sided, mirror=True), epochs=1
    )
    seen, other = (
        np.asarray(sided(images)) for images in (HELD_OUT, HELD_OUT[:, :, ::-1])
    )
    expected, unmirrored = (
        float(np.mean(kl(targets, student(HELD_OUT), 3.0)))
        for targets in ((seen + other) / 2, seen)
    )
    assert expected != pytest.approx(unmirrored, rel=0.01)
    assert history["val_mimic"][-1] == pytest.approx(expected, rel=1e-4)
