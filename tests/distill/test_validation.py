"""Laws of validation before, during and after training."""

import warnings

import keras
import numpy as np
import pytest

from tests.distill.test_distiller import batches
from tests.distill.test_distiller import teacher
from tests.support import tiny
from tfdcu import AlignedDistiller
from tfdcu import data
from tfdcu.distill.losses import kl
from tfdcu.distill.validation import Validation
from tfdcu.distill.validation import mimic_harmed
from tfdcu.distill.validation import overfit_warning
from tfdcu.distill.validation import training_harmed
from tfdcu.distill.validation import validation_sources

HELD_OUT = 0.4 * tiny.images(150, seed=9)


def trained(callback, epochs=2):
    student = tiny.plain_net()
    model = AlignedDistiller(student, teacher(), temperature=3.0)
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    options = {"epochs": epochs, "callbacks": [callback], "verbose": 0}
    return student, model.fit(batches(), **options).history


@pytest.mark.parametrize("mirror", [False, True])
def test_val_mimic_is_of_the_last_weights_and_changes_none(mirror):
    source = data.open_source(HELD_OUT, labeled=False)
    student, history = trained(Validation({"pool": source}, teacher(), mirror))
    targets = teacher()(HELD_OUT, training=False)
    if mirror:
        other = teacher()(HELD_OUT[:, :, ::-1], training=False)
        targets = (targets + other) / 2
    logits = student(HELD_OUT, training=False)
    expected = float(np.mean(kl(targets, logits, 3.0)))
    assert history["val_mimic"][-1] == pytest.approx(expected, rel=1e-4)
    same = np.argmax(targets, -1) == np.argmax(logits, -1)
    assert history["agreement_pool"][-1] == pytest.approx(np.mean(same))
    assert len(history["val_mimic"]) == len(history["agreement_pool"]) == 2
    alone, history = trained(Validation({}, teacher()))
    assert "val_mimic" not in history
    tiny.assert_same_weights(tiny.weights(alone), tiny.weights(student))


def test_overfitting_is_warned_of():
    history = {"mimic": [1, 0.071], "val_mimic": [1, 0.13]}
    (sentence,) = overfit_warning(history, views=2)
    assert "overfits the stored views" in sentence
    assert "0.071 in training and 0.13 on" in sentence
    assert "`targets.views`" in sentence
    (sentence,) = overfit_warning(history)
    assert "overfits the pool" in sentence and "views" not in sentence
    assert "It has not risen, so that more epochs do no harm." in sentence
    (sentence,) = overfit_warning(
        {"mimic": [1, 0.2, 0.05], "val_mimic": [1, 0.12, 0.13]}
    )
    assert "It was lowest after epoch 2: train for fewer." in sentence
    assert not overfit_warning({"mimic": [0.1], "val_mimic": [0.15]})
    assert not overfit_warning({"mimic": [0.1]})


def test_a_student_in_float16_is_validated_as_well():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = AlignedDistiller(tiny.plain_net(), teacher())
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile("sgd")
    images = data.open_source(HELD_OUT[:4], labeled=False)
    callback, logs = Validation({"pool": images}, teacher()), {}
    callback.set_model(model)
    callback.on_epoch_end(0, logs)
    logits = model.predict_on_batch(HELD_OUT[:4])
    assert logits.dtype == "float16"
    targets = teacher()(HELD_OUT[:4], training=False)
    expected = np.mean(kl(targets, logits.astype("float32"), 4.0))
    assert logs["val_mimic"] == pytest.approx(expected, rel=1e-4)


def test_a_mirrored_teacher_is_the_mean_of_both_directions():
    source = data.open_source(HELD_OUT, labeled=False)
    sided = tiny.linear_net(seed=7)
    student, history = trained(
        Validation({"pool": source}, sided, mirror=True), epochs=1
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


def test_validation_takes_no_image_of_the_test_nor_too_many():
    few = tiny.images(12), tiny.labels(12)
    options = {"num_classes": 4, "image_shape": (8, 8, 1), "test": few}
    pool = 0.5 * tiny.images(700, seed=1)
    other = tiny.images(600, seed=3), tiny.labels(600)
    splits = data.prepare(other, pool, **options)
    sources = validation_sources(splits)
    assert {name: s.num_images for name, s in sources.items()} == {
        "pool": 70,
        "labeled": 512,
    }
    splits = data.prepare(None, pool, **options, pool_validation=0)
    sources = validation_sources(splits)
    assert {name: s.num_images for name, s in sources.items()} == {
        "training": 512
    }


def test_a_worse_student_is_reported_with_both_figures():
    start = {"val_mimic": 3.0, "agreement_pool": 0.8, "agreement_labeled": 0.9}
    worse = {"val_mimic": 1.0, "agreement_pool": 0.1, "agreement_labeled": 1.0}
    (sentence,) = training_harmed(start, worse)
    assert "from 80.0 % to 10.0 % on held-out images of the pool" in sentence
    assert "from 90.0 % to 100.0 % on labeled images" in sentence
    assert not training_harmed(start, start)
    assert not training_harmed({}, {})


@pytest.mark.parametrize(
    ("start", "end", "harmed"),
    [
        # Overfitting: gains on training images, losses elsewhere.
        ({"pool": 0.5, "labeled": 0.6}, {"pool": 0.4, "labeled": 1.0}, True),
        # Statistics of a foreign pool.
        ({"pool": 0.5, "labeled": 0.9}, {"pool": 0.6, "labeled": 0.7}, True),
        ({"pool": 0.5, "labeled": 0.9}, {"pool": 0.6, "labeled": 0.85}, False),
        (
            {"pool": 0.5, "validation": 0.9},
            {"pool": 0.4, "validation": 0.95},
            True,
        ),
        ({"labeled": 0.5}, {"labeled": 0.6}, False),
        ({"training": 0.5}, {"training": 0.4}, True),
    ],
)
def test_gains_on_training_images_do_not_count(start, end, harmed):
    start, end = (
        {f"agreement_{name}": share for name, share in one.items()}
        for one in (start, end)
    )
    assert bool(training_harmed(start, end)) is harmed


@pytest.mark.parametrize(
    ("pool", "validation", "harmed"),
    [(0.9, 1.05, False), (0.9, 1.2, True), (1.0, 1.0, False), (1.1, 1.0, True)],
)
def test_a_mimic_loss_tells_what_agreement_leaves_to_chance(
    pool, validation, harmed
):
    start = {
        "val_mimic": 3.0,
        "mimic_validation": 0.5,
        "agreement_pool": 0.5,
        "agreement_validation": 0.9,
    }
    end = {
        "val_mimic": 3.0 * pool,
        "mimic_validation": 0.5 * validation,
        "agreement_pool": 0.48,
        "agreement_validation": 0.89,
    }
    found = mimic_harmed(start, end)
    assert bool(found) is harmed
    if harmed:
        (sentence,) = found
        assert f"from 0.5 to {0.5 * validation:.3g} on validation" in sentence


def test_without_held_out_images_agreement_decides():
    start, end = {"agreement_labeled": 0.9}, {"agreement_labeled": 0.8}
    assert mimic_harmed(start, end) == training_harmed(start, end) != []


def agreement(student):
    both = [model(HELD_OUT, training=False) for model in (student, teacher())]
    return np.mean(np.equal(*(np.argmax(logits, -1) for logits in both)))


def test_fit_warns_only_where_the_student_got_worse():
    student = keras.models.clone_model(teacher())
    student.set_weights(teacher().get_weights())
    model = AlignedDistiller(student, teacher(), freeze_batchnorm=True)
    model.compile(keras.optimizers.SGD(1e-6), jit_compile=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.fit(batches(), verbose=0)
    assert agreement(student) == 1
    model.compile(keras.optimizers.SGD(100.0), jit_compile=False)
    with pytest.warns(UserWarning, match="made the student worse.*before and"):
        model.fit(batches(), verbose=0)
    assert agreement(student) < 1
