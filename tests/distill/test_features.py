"""Laws of the feature losses: values by hand, layers and training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.distill.test_distiller import POOL
from tests.distill.test_distiller import batches
from tests.distill.test_distiller import teacher
from tests.distill.test_distiller import trained
from tests.distill.test_distiller import with_targets
from tests.support import tiny
from tfdcu import AlignedDistiller
from tfdcu.distill import features as module
from tfdcu.distill.feature_layers import feature_pairs
from tfdcu.distill.features import feature_term
from tfdcu.distill.features import resolve_features
from tfdcu.pruning import plan_channels

THEIRS = tf.random.stateless_normal((5, 4, 4, 3), (1, 2))
OWN = tf.random.stateless_normal((5, 4, 4, 3), (3, 4))
NARROW = tf.random.stateless_normal((5, 4, 4, 2), (5, 6))
NAMES = sorted(module.FEATURES)
ALONE = {"label_weight": 0.0, "mimic_weight": 0.0, "align_weight": 0.0}


def by_hand_mse(theirs, own):
    return ((own - theirs) ** 2).mean() / (theirs**2).mean()


def by_hand_attention(theirs, own):
    maps = []
    for features in (theirs, own):
        flat = (features**2).sum(-1).reshape(len(features), -1)
        maps.append(flat / np.linalg.norm(flat, axis=1, keepdims=True))
    return ((maps[0] - maps[1]) ** 2).sum(1).mean()


def by_hand_relation(theirs, own):
    sides = []
    for features in (theirs, own):
        rows = features.mean((1, 2))
        apart = [
            np.linalg.norm(rows[i] - rows[j])
            for i in range(len(rows))
            for j in range(i)
        ]
        sides.append(np.array(apart) / np.mean(apart))
    apart = np.abs(sides[0] - sides[1])
    return np.where(apart <= 1, apart**2 / 2, apart - 0.5).mean()


BY_HAND = {
    "mse": by_hand_mse,
    "attention": by_hand_attention,
    "relation": by_hand_relation,
}


@pytest.mark.parametrize("name", NAMES)
def test_values_by_hand(name):
    expected = BY_HAND[name](THEIRS.numpy(), OWN.numpy())
    received = float(resolve_features(name)(THEIRS, OWN))
    assert received == pytest.approx(expected, rel=1e-4) and received > 0


@pytest.mark.parametrize("name", ["attention", "relation"])
def test_numbers_of_channels_can_differ(name):
    expected = BY_HAND[name](THEIRS.numpy(), NARROW.numpy())
    received = resolve_features(name)(THEIRS, NARROW)
    assert float(received) == pytest.approx(expected, rel=1e-4)


def test_far_pairs_count_by_their_distance():
    """Errors above 1, in the linear part of the Huber loss."""
    theirs = tf.constant([[0.0], [1.0], [100.0]])
    own = tf.constant([[0.0], [100.0], [1.0]])
    # Distances 1, 100, 99 and 100, 1, 99, over their mean 200 / 3.
    apart = 99 / (200 / 3)
    received = float(resolve_features("relation")(theirs, own))
    assert received == pytest.approx(2 * (apart - 0.5) / 3, rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_equal_features_have_no_loss_and_no_gradient(name):
    with tf.GradientTape() as tape:
        tape.watch(THEIRS)
        loss = resolve_features(name)(tf.identity(THEIRS) * 1.0, THEIRS)
        other = resolve_features(name)(tf.stop_gradient(THEIRS), THEIRS)
    assert float(loss) == 0.0
    np.testing.assert_allclose(tape.gradient(other, THEIRS), 0, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_does_not_depend_on_the_scale(name):
    loss = resolve_features(name)
    np.testing.assert_allclose(
        loss(7.0 * THEIRS, 7.0 * OWN), loss(THEIRS, OWN), rtol=1e-4
    )


@pytest.mark.parametrize("name", NAMES)
def test_zero_features_and_equal_images_are_finite(name):
    loss, zeros = resolve_features(name), tf.zeros_like(THEIRS)
    same = tf.repeat(THEIRS[:1], 5, axis=0)
    for theirs, own in ((zeros, zeros), (zeros, OWN), (THEIRS, zeros)):
        for side in (own, same):
            with tf.GradientTape() as tape:
                tape.watch(side)
                value = loss(theirs, side)
            assert np.isfinite(value)
            assert np.isfinite(tape.gradient(value, side)).all()


def test_a_student_of_zeros_has_mse_one():
    loss = resolve_features("mse")(THEIRS, tf.zeros_like(THEIRS))
    assert float(loss) == pytest.approx(1.0)


def test_a_single_image_has_no_relations():
    assert float(resolve_features("relation")(THEIRS[:1], OWN[:1])) == 0.0


def test_half_precision_is_compared_in_full():
    half = [tf.cast(side, tf.float16) for side in (THEIRS, OWN)]
    for name in NAMES:
        assert resolve_features(name)(*half).dtype == tf.float32


def test_functions_and_keras_losses_get_the_features_themselves():
    def apart(theirs, own):
        return tf.reduce_sum(tf.abs(theirs - own), axis=(1, 2, 3))

    expected = np.abs(THEIRS - OWN).sum((1, 2, 3)).mean()
    received = resolve_features(apart)(THEIRS, OWN)
    np.testing.assert_allclose(received, expected, rtol=1e-5)
    loss = keras.distillation.FeatureDistillation(loss="mae")
    np.testing.assert_allclose(
        resolve_features(loss)(THEIRS, OWN),
        np.abs(THEIRS - OWN).mean(),
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ("fsp", "'attention', 'mse', 'relation'.*Received: features='fsp'"),
        (
            keras.distillation.FeatureDistillation(
                teacher_layer_name="a", student_layer_name="b"
            ),
            "the layers in `feature_layers`.*'a', 'b'",
        ),
        (keras.distillation.LogitsDistillation(), "losses.KLDivergence"),
    ],
)
def test_invalid_feature_losses_are_refused(features, message):
    with pytest.raises(ValueError, match=message):
        resolve_features(features)
    with pytest.raises(ValueError, match=message):
        # Also where it weighs nothing.
        AlignedDistiller(
            tiny.plain_net(), teacher(), features=features, feature_weight=0
        )


def fitted(student=None, data=None, of=None, jit_compile=False, **options):
    """(student, history, distiller) with no BatchNorm between the two."""
    student = student or tiny.plain_net(norm=False)
    of = of or tiny.plain_net(norm=False, seed=7)
    keras.utils.set_random_seed(0)
    model = AlignedDistiller(student, of, **{"features": "mse", **options})
    model.compile(keras.optimizers.SGD(0.05), jit_compile=jit_compile)
    data = batches() if data is None else data
    return student, model.fit(data, epochs=2, verbose=0).history, model


def all_images():
    few, pool = next(iter(batches()))
    return np.concatenate([few[0], pool])


def after(model, layer, images):
    tap = keras.Model(model.input, model.get_layer(layer).output)
    return np.asarray(tap(images, training=False))


@pytest.mark.parametrize("name", NAMES)
def test_the_term_is_of_all_images_and_part_of_the_sum(name):
    student = tiny.plain_net(norm=False)
    of = tiny.plain_net(norm=False, seed=7)
    images = all_images()
    expected = BY_HAND[name](
        after(of, "relu2", images), after(student, "relu2", images)
    )
    model = AlignedDistiller(student, of, features=name, feature_weight=0.5)
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


@pytest.mark.parametrize("name", NAMES)
def test_alone_it_brings_the_student_closer_to_the_teacher(name):
    model = AlignedDistiller(
        tiny.plain_net(norm=False),
        tiny.plain_net(norm=False, seed=7),
        features=name,
        **ALONE,
    )
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    history = model.fit(batches().repeat(15), epochs=2, verbose=0).history
    assert history["features"][1] < 0.6 * history["features"][0]


@pytest.mark.parametrize("layers", [None, ["relu1", "relu2"]])
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
            by_hand_mse(
                *(after(model, name, images) for model in (of, student))
            )
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


def test_attention_and_relation_compare_all_channels():
    of, student, kept = cut_student()
    images = all_images()
    sides = [after(model, "relu1", images) for model in (of, student)]
    for name in ("attention", "relation"):
        expected = BY_HAND[name](*sides)
        fresh = cut_student()[1]
        options = {"features": name, "feature_layers": "relu1", **ALONE}
        _, history, model = fitted(
            fresh, of=of, kept=kept, data=batches().take(1), **options
        )
        assert expected > 1e-5
        assert history["features"][0] == pytest.approx(expected, rel=1e-2)


def test_a_function_sees_the_kept_channels():
    of, student, kept = cut_student()

    def apart(theirs, own):
        return tf.reduce_mean(tf.abs(theirs - own))

    _, history, _ = fitted(
        student,
        of=of,
        kept=kept,
        features=apart,
        feature_layers="relu1",
        **ALONE,
    )
    assert history["features"] == [0.0, 0.0]


def test_without_weight_the_student_does_not_change():
    plain, expected = trained(epochs=1)
    ways = [
        {"features": "mse", "feature_weight": 0.0},
        {"features": None, "feature_layers": "no", "kept": {"no": [99]}},
    ]
    for options in ways:
        student, history = trained(epochs=1, **options)
        tiny.assert_same_weights(tiny.weights(plain), tiny.weights(student))
        assert history == expected and "features" not in history


def test_batches_with_and_without_targets_are_the_same_student():
    options = {"features": "attention", "feature_layers": "relu1"}
    live, expected = trained(epochs=1, **options)
    stored = with_targets(batches())
    student, history = trained(epochs=1, data=stored, **options)
    received = tiny.weights(student)
    for path, value in tiny.weights(live).items():
        np.testing.assert_allclose(value, received[path], atol=1e-5)
    np.testing.assert_allclose(
        history["features"], expected["features"], rtol=1e-4
    )


def test_without_labels_the_pool_is_used():
    options = {"features": "mse", "feature_layers": "conv1"}
    student, of = (tiny.plain_net(norm=False, seed=s) for s in (0, 7))
    expected = by_hand_mse(
        after(of, "conv1", POOL[:8]), after(student, "conv1", POOL[:8])
    )
    _, history, _ = fitted(
        student, of=of, data=batches(labeled=None).take(1), **options
    )
    assert history["features"][0] == pytest.approx(expected, rel=0.05)
    assert history["label"][0] == 0.0


@pytest.mark.parametrize("batchnorm", ["split", "labeled_only", "frozen"])
def test_images_are_in_the_order_of_the_teacher(batchnorm):
    twin = tiny.plain_net(norm=False)
    _, history, _ = fitted(
        twin, of=tiny.plain_net(norm=False), batchnorm=batchnorm, **ALONE
    )
    assert history["features"] == pytest.approx([0.0, 0.0], abs=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_losses_compile_by_xla_for_batches_of_any_size(name):
    loss = resolve_features(name)
    spec = tf.TensorSpec((None, 4, 4, 3))

    def slope(theirs, own):
        with tf.GradientTape() as tape:
            tape.watch(own)
            value = loss(theirs, own)
        return value, tape.gradient(value, own)

    fast = tf.function(slope, jit_compile=True, input_signature=[spec, spec])
    for one, two in zip(fast(THEIRS, OWN), slope(THEIRS, OWN)):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-6)


def test_compiled_by_xla_or_in_several_steps_is_the_same_student():
    students = []
    for args in ({}, {"steps_per_execution": 2}, {"jit_compile": True}):
        student = tiny.plain_net(norm=False)
        model = AlignedDistiller(student, teacher(), features="relation")
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


def test_other_input_sizes_are_resized_to_each_model():
    small = tiny.plain_net(size=6, norm=False)
    for name in ("relation", "mse", "attention"):
        _, history, _ = fitted(small, features=name)
        assert np.isfinite(history["features"]).all()


def test_maps_of_another_size_are_those_of_the_teacher_resized():
    teacher, student = tiny.plain_net(), tiny.plain_net(size=6)
    pairs = feature_pairs(student, teacher)
    big = tf.random.stateless_uniform((2, 8, 8, 32), (0, 1))
    small = tf.image.resize(big, (6, 6), antialias=True)
    for name in ("mse", "attention"):
        term = feature_term(name, pairs)
        assert float(term([big], [small])) == 0
        assert float(term([big], [2 * small + 1])) > 0
