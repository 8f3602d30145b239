"""Laws of the head: copied from the teacher and fixed."""

import keras
import numpy as np
import pytest

from tests.distill.test_distiller import teacher
from tests.distill.test_distiller import trained
from tests.support import tiny
from tfdcu import AlignedDistiller
from tfdcu.pruning import plan_channels


def head(model):
    return [weight.numpy() for weight in model.get_layer("logits").weights]


def body(model):
    return model.get_layer("conv1").kernel.numpy()


def same(one, other):
    return all(map(np.array_equal, one, other))


def cut():
    """(student, kept): half of the inputs of the head are pruned."""
    plan = plan_channels(teacher(), macs=0.5, importance="l1")
    return plan.apply(), plan.kept_channels()


def test_the_head_is_fixed_and_the_body_is_trained():
    before = body(tiny.plain_net(width=24))
    student, _ = trained(tiny.plain_net(width=24), head="teacher")
    assert same(head(student), head(teacher()))
    assert not np.allclose(body(student), before)


def test_the_head_takes_the_kept_channels():
    student, kept = cut()
    tiny.shake(student, 3)
    student, _ = trained(student, head="teacher", kept=kept)
    kernel, bias = head(teacher())
    assert kept["pool"] == kept["relu2"] and len(kept["pool"]) < 48
    assert same(head(student), [kernel[kept["pool"]], bias])


def test_it_is_trained_by_default_and_trainable_afterwards():
    student, _ = trained(tiny.plain_net(width=24))
    assert not same(head(student), head(tiny.plain_net(width=24)))
    student, _ = trained(tiny.plain_net(width=24), head="teacher")
    assert all(w.trainable for w in student.get_layer("logits").weights)
    again, _ = trained(student)
    assert not same(head(again), head(teacher()))


def test_the_teacher_is_not_changed():
    of = teacher()
    before = tiny.weights(of)
    trained(tiny.plain_net(width=24), of=lambda: of, head="teacher")
    tiny.assert_same_weights(before, tiny.weights(of))


def headless():
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3)(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


@pytest.mark.parametrize(
    ("student", "of", "options", "message"),
    [
        (tiny.plain_net, teacher, {"head": "own"}, "'trained', 'teacher'.*own"),
        (tiny.plain_net, lambda: None, {}, "needs a Keras.*teacher=None"),
        (tiny.plain_net, teacher, {}, r"does not fit.*\(32, 4\).*\(48, 4\)"),
        (cut, teacher, {}, r"does not fit.*`kept` gives"),
        (headless, teacher, {}, "The student has no suit.*'norm'"),
    ],
)
def test_bad_heads_are_refused_and_nothing_is_changed(
    student, of, options, message
):
    made = student()
    made = made[0] if isinstance(made, tuple) else made
    before = tiny.weights(made)
    with pytest.raises(ValueError, match=message):
        AlignedDistiller(made, of(), **{"head": "teacher", **options})
    tiny.assert_same_weights(before, tiny.weights(made))
