"""Laws of the feature term: values by hand, kept channels and training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.distill.test_distiller import POOL
from tests.distill.test_distiller import batches
from tests.distill.test_distiller import trained
from tests.distill.test_distiller import with_targets
from tests.support import tiny
from tfdcu import AlignedDistiller
from tfdcu.distill.feature_layers import feature_pairs
from tfdcu.distill.features import feature_mse
from tfdcu.distill.features import feature_term
from tfdcu.pruning import plan_channels

THEIRS = tf.random.stateless_normal((5, 4, 4, 3), (1, 2))
OWN = tf.random.stateless_normal((5, 4, 4, 3), (3, 4))
ALONE = {"label_weight": 0.0, "mimic_weight": 0.0, "align_weight": 0.0}


def by_hand(theirs, own):
    return ((own - theirs) ** 2).mean() / (theirs**2).mean()


def test_values_by_hand():
    expected = by_hand(THEIRS.numpy(), OWN.numpy())
    assert float(feature_mse(THEIRS, OWN)) == pytest.approx(expected, rel=1e-4)
    zeros = tf.zeros_like(THEIRS)
    assert float(feature_mse(THEIRS, zeros)) == pytest.approx(1.0)


def test_equal_features_have_no_loss_and_no_gradient():
    with tf.GradientTape() as tape:
        tape.watch(THEIRS)
        loss = feature_mse(tf.stop_gradient(THEIRS), THEIRS)
    assert float(loss) == 0.0
    np.testing.assert_allclose(tape.gradient(loss, THEIRS), 0, atol=1e-6)


def test_the_loss_does_not_depend_on_the_scale():
    np.testing.assert_allclose(
        feature_mse(7.0 * THEIRS, 7.0 * OWN), feature_mse(THEIRS, OWN), 1e-4
    )


def test_a_teacher_of_zeros_is_finite():
    zeros = tf.zeros_like(THEIRS)
    for own in (zeros, OWN):
        with tf.GradientTape() as tape:
            tape.watch(own)
            value = feature_mse(zeros, own)
        assert np.isfinite(value)
        assert np.isfinite(tape.gradient(value, own)).all()


def test_half_precision_is_compared_in_full():
    half = [tf.cast(side, tf.float16) for side in (THEIRS, OWN)]
    assert feature_mse(*half).dtype == tf.float32


def fitted(student=None, data=None, of=None, jit_compile=False, **options):
    """(student, history, distiller) with no BatchNorm between the two."""
    student = student or tiny.plain_net(norm=False)
    of = of or tiny.plain_net(norm=False, seed=7)
    keras.utils.set_random_seed(0)
    options = {"feature_layers": "relu2", **options}
    model = AlignedDistiller(student, of, **options)
    model.compile(keras.optimizers.SGD(0.05), jit_compile=jit_compile)
    data = batches() if data is None else data
    return student, model.fit(data, epochs=2, verbose=0).history, model


def all_images():
    few, pool = next(iter(batches()))
    return np.concatenate([few[0], pool])


def after(model, layer, images):
    tap = keras.Model(model.input, model.get_layer(layer).output)
    return np.asarray(tap(images, training=False))


def test_the_term_is_of_all_images_and_part_of_the_sum():
    student = tiny.plain_net(norm=False)
    of = tiny.plain_net(norm=False, seed=7)
    images = all_images()
    expected = by_hand(
        after(of, "relu2", images), after(student, "relu2", images)
    )
    options = {"feature_layers": "relu2", "feature_weight": 0.5}
    model = AlignedDistiller(student, of, **options)
    assert model.feature_layers == {"relu2": "relu2"}
    model.compile("sgd", jit_compile=False)
    history = model.fit(batches().take(1), verbose=0).history
    assert history["features"][0] == pytest.approx(expected, rel=1e-3)
    total = (
        history["label"][0]
        + history["mimic"][0]
        + 0.5 * history["features"][0]
        + 0.1 * history["align"][0]
    )
    assert history["loss"][0] == pytest.approx(total, rel=1e-5)


def test_alone_it_brings_the_student_closer_to_the_teacher():
    model = AlignedDistiller(
        tiny.plain_net(norm=False),
        tiny.plain_net(norm=False, seed=7),
        feature_layers="relu2",
        **ALONE,
    )
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    history = model.fit(batches().repeat(15), epochs=2, verbose=0).history
    assert history["features"][1] < 0.6 * history["features"][0]


@pytest.mark.parametrize("layers", ["relu2", ["relu1", "relu2"]])
def test_the_teacher_itself_has_nothing_to_learn(layers):
    of = tiny.plain_net(norm=False)
    twin = tiny.plain_net(norm=False)
    before = tiny.weights(twin)
    _, history, _ = fitted(twin, of=of, feature_layers=layers, **ALONE)
    assert history["features"] == [0.0, 0.0]
    tiny.assert_same_weights(before, tiny.weights(twin))


def test_several_layers_weigh_alike():
    of, student = (tiny.plain_net(norm=False, seed=s) for s in (7, 0))
    images = all_images()
    mean = np.mean(
        [
            by_hand(*(after(model, name, images) for model in (of, student)))
            for name in ("relu1", "relu2")
        ]
    )
    layers = ("relu1", "relu2")
    _, history, _ = fitted(
        student, of=of, data=batches().take(1), feature_layers=layers
    )
    assert history["features"][0] == pytest.approx(mean, rel=1e-3)


def cut_student():
    """(teacher, student, kept): half of the first convolution pruned."""
    of = tiny.plain_net(norm=False)
    plan = plan_channels(of, macs=0.6, exclude="conv2", importance="l1")
    return of, plan.apply(), plan.kept_channels()


@pytest.mark.parametrize("layer", ["conv1", "relu1"])
def test_a_pruned_layer_is_compared_with_the_kept_channels(layer):
    of, student, kept = cut_student()
    options = {"feature_layers": layer, **ALONE}
    assert len(kept[layer]) < 16
    _, history, _ = fitted(student, of=of, kept=kept, **options)
    assert history["features"] == [0.0, 0.0]
    with pytest.raises(ValueError, match=r"`kept` gives.*8, 8, 16\)"):
        fitted(cut_student()[1], of=of, **options)


def test_without_weight_the_student_does_not_change():
    plain, expected = trained(epochs=1)
    options = {"feature_layers": "relu2", "feature_weight": 0.0}
    student, history = trained(epochs=1, **options)
    tiny.assert_same_weights(tiny.weights(plain), tiny.weights(student))
    assert history == expected and "features" not in history


def test_batches_with_and_without_targets_are_the_same_student():
    options = {"feature_layers": "relu1", "epochs": 1}
    live, expected = trained(tiny.plain_net(width=24), **options)
    student, history = trained(
        tiny.plain_net(width=24), data=with_targets(batches()), **options
    )
    received = tiny.weights(student)
    for path, value in tiny.weights(live).items():
        np.testing.assert_allclose(value, received[path], atol=1e-5)
    assert history["features"] == pytest.approx(expected["features"], rel=1e-4)


def test_without_labels_the_pool_is_used():
    student, of = (tiny.plain_net(norm=False, seed=s) for s in (0, 7))
    expected = by_hand(
        after(of, "conv1", POOL[:8]), after(student, "conv1", POOL[:8])
    )
    _, history, _ = fitted(
        student,
        of=of,
        data=batches(labeled=None).take(1),
        feature_layers="conv1",
    )
    assert history["features"][0] == pytest.approx(expected, rel=0.05)
    assert history["label"][0] == 0.0


def test_compiled_by_xla_or_in_several_steps_is_the_same_student():
    students = []
    for args in ({}, {"steps_per_execution": 2}, {"jit_compile": True}):
        student = tiny.plain_net(norm=False)
        of = tiny.plain_net(norm=False, seed=7)
        model = AlignedDistiller(student, of, feature_layers="relu2")
        model.compile(
            keras.optimizers.SGD(0.1), **{"jit_compile": False, **args}
        )
        model.fit(batches(), verbose=0)
        students.append(tiny.weights(student))
    for other in students[1:]:
        for path, value in students[0].items():
            np.testing.assert_allclose(value, other[path], rtol=1e-3, atol=1e-5)


def test_the_teacher_is_not_changed_and_not_trained():
    of = tiny.plain_net(norm=False, seed=7)
    before = tiny.weights(of)
    _, _, model = fitted(of=of)
    tiny.assert_same_weights(before, tiny.weights(of))
    own = {id(variable) for variable in model.variables}
    assert not own & {id(variable) for variable in of.variables}


def test_evaluation_uses_the_student_alone():
    _, history, model = fitted()
    scores = model.evaluate(*next(iter(batches()))[0], verbose=0)
    logged = model.fit(
        batches(),
        validation_data=batches().map(lambda few, pool: few),
        verbose=0,
    ).history
    assert "val_features" not in logged and np.isfinite(scores)
    assert list(history)[:4] == [
        "align",
        "domain_accuracy",
        "features",
        "label",
    ]


def test_maps_of_another_size_are_those_of_the_teacher_resized():
    of, student = tiny.plain_net(norm=False), tiny.plain_net(6, norm=False)
    term = feature_term(feature_pairs(student, of, "relu2"))
    big = tf.random.stateless_uniform((2, 8, 8, 32), (0, 1))
    small = tf.image.resize(big, (6, 6), antialias=True)
    assert float(term([big], [small])) == 0
    assert float(term([big], [2 * small + 1])) > 0
    _, history, _ = fitted(student, of=of)
    assert np.isfinite(history["features"]).all()
