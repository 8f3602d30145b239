"""Laws of AlignedDistiller: the loss, and what is not changed."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support import tiny
from tfdcu import AlignedDistiller
from tfdcu.graph import fused
from tfdcu.graph.graph import read_graph

LABELED = tiny.images(12, seed=1), tiny.labels(12)
POOL = 0.4 * tiny.images(16, seed=2)


def batches(labeled=LABELED, pool=POOL, labeled_size=6, pool_size=8):
    """Two batches of ((image, label), unlabeled), in a fixed order."""
    unlabeled = tf.data.Dataset.from_tensor_slices(pool).batch(pool_size)
    if labeled is None:
        return unlabeled.map(lambda u: (u,))
    few = tf.data.Dataset.from_tensor_slices(labeled).batch(labeled_size)
    return tf.data.Dataset.zip((few, unlabeled))


def teacher():
    return tiny.plain_net(width=24, seed=7)


def trained(
    student=None, epochs=2, data=None, compile_args=(), of=teacher, **options
):
    """Fit a fresh student; return (student, history)."""
    student = student or tiny.plain_net()
    model = AlignedDistiller(student, of(), **options)
    model.compile(
        keras.optimizers.SGD(0.1),
        metrics=["accuracy"],
        jit_compile=False,
        **dict(compile_args),
    )
    data = batches() if data is None else data
    history = model.fit(data, epochs=epochs, verbose=0).history
    return student, history


def test_the_loss_is_the_weighted_sum_of_its_three_terms():
    _, history = trained(
        label_weight=0.5, mimic_weight=0.25, align_weight=2.0, epochs=1
    )
    (label,), (mimic,), (align,) = (
        history[name] for name in ("label", "mimic", "align")
    )
    expected = 0.5 * label + 0.25 * mimic + 2.0 * align
    assert history["loss"][0] == pytest.approx(expected, rel=1e-5)
    assert min(label, mimic, align) > 0


def at_strength(monkeypatch, schedule):
    """Replace DANN's schedule by a constant or a function of progress."""
    function = schedule if callable(schedule) else lambda progress: schedule
    monkeypatch.setattr("tfdcu.distill.distiller.dann_schedule", function)


def test_alignment_at_scale_zero_does_not_change_the_student(monkeypatch):
    without, _ = trained(align_weight=0.0)
    at_strength(monkeypatch, 0.0)
    deaf, history = trained(align_weight=0.7)
    assert history["align"][0] > 0
    tiny.assert_same_weights(tiny.weights(without), tiny.weights(deaf))


def test_the_schedule_follows_the_run(monkeypatch):
    seen = []

    def schedule(progress):
        seen.append(float(progress))
        return 1.0

    at_strength(monkeypatch, schedule)
    trained(compile_args={"run_eagerly": True})
    np.testing.assert_allclose(seen, [0, 0.25, 0.5, 0.75])


def test_alignment_grows_over_the_run(monkeypatch):
    deaf, _ = trained(align_weight=0.0)
    heard, _ = trained(align_weight=0.7)
    at_strength(monkeypatch, 1.0)
    loud, _ = trained(align_weight=0.7)
    kernels = [
        student.get_layer("conv1").kernel.numpy()
        for student in (deaf, heard, loud)
    ]
    some, all_of_it = (
        np.abs(kernel - kernels[0]).max() for kernel in kernels[1:]
    )
    assert 1e-5 < some < all_of_it


def grown(width, seed):
    """A network by `add`, which calls all layers each time."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(name="grown")
    model.add(keras.Input((8, 8, 1)))
    model.add(keras.layers.Conv2D(width, 3, activation="relu", name="first"))
    model.add(keras.layers.Conv2D(width, 3, activation="relu", name="second"))
    model.add(keras.layers.GlobalAveragePooling2D())
    model.add(keras.layers.Dense(4))
    return model


def test_models_whose_layers_were_called_elsewhere_are_aligned():
    student, options = grown(8, 0), {"feature_layers": "second"}
    model = AlignedDistiller(student, grown(8, 1), **options)
    assert model.align_layers == ("first",)
    model.compile(keras.optimizers.SGD(0.1))
    history = model.fit(batches(), verbose=0).history
    assert history["align"][0] > 0 and history["features"][0] > 0


def test_labels_alone_equal_plain_fit_on_the_labeled_images():
    distilled, history = trained(
        tiny.plain_net(norm=False), mimic_weight=0.0, align_weight=0.0
    )
    plain = tiny.plain_net(norm=False)
    plain.compile(
        keras.optimizers.SGD(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    expected = plain.fit(
        *LABELED, batch_size=6, epochs=2, shuffle=False, verbose=0
    )
    for path, value in tiny.weights(plain).items():
        np.testing.assert_allclose(
            value, tiny.weights(distilled)[path], rtol=1e-4, atol=1e-6
        )
    np.testing.assert_allclose(
        history["loss"], expected.history["loss"], rtol=1e-4
    )
    assert history["accuracy"] == expected.history["accuracy"]


def test_mimic_alone_equals_an_independent_numpy_kl():
    images = np.concatenate([LABELED[0][:6], POOL[:8]])
    student = tiny.plain_net(norm=False)
    temperature = 3.0

    def log_softmax(logits):
        z = np.asarray(logits, "float64") / temperature
        return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))

    log_p = log_softmax(teacher()(images, training=False))
    log_q = log_softmax(student(images, training=False))
    expected = temperature**2 * (np.exp(log_p) * (log_p - log_q)).sum(-1).mean()
    _, history = trained(
        student,
        epochs=1,
        data=batches().take(1),
        temperature=temperature,
        label_weight=0.0,
        align_weight=0.0,
    )
    assert history["mimic"][0] == pytest.approx(expected, rel=1e-4)
    assert history["loss"][0] == pytest.approx(expected, rel=1e-4)


def test_reversal_pushes_the_student_against_the_domain_classifier(monkeypatch):
    """With the classifier frozen, a step on `align` raises its loss."""
    at_strength(monkeypatch, 1.0)
    student = tiny.plain_net(norm=False)
    model = AlignedDistiller(
        student,
        teacher(),
        label_weight=0.0,
        mimic_weight=0.0,
        align_weight=1.0,
    )
    model.domains[0].trainable = False
    model.compile(keras.optimizers.SGD(0.05), jit_compile=False)
    history = model.fit(batches().take(1).repeat(8), epochs=3, verbose=0)
    assert history.history["align"][-1] > history.history["align"][0]


def test_the_domain_classifier_learns_when_nothing_is_reversed(monkeypatch):
    at_strength(monkeypatch, 0.0)
    _, history = trained(
        epochs=30,
        label_weight=0.0,
        mimic_weight=0.0,
        align_weight=1.0,
    )
    assert history["domain_accuracy"][-1] > 0.9


def test_teacher_is_bit_identical_afterwards():
    model = teacher()
    model.get_layer("conv1").trainable = False
    before, flags = tiny.weights(model), [w.trainable for w in model.layers]
    distiller = AlignedDistiller(tiny.plain_net(), model)
    distiller.compile("sgd")
    distiller.fit(batches(), epochs=1, verbose=0)
    tiny.assert_same_weights(before, tiny.weights(model))
    assert flags == [w.trainable for w in model.layers]
    assert not any("plain/" in w.path for w in distiller.domains[0].weights)


def test_call_predict_evaluate_and_validation_use_the_student():
    student = tiny.plain_net()
    model = AlignedDistiller(student, teacher())
    model.compile("sgd", metrics=["accuracy"])
    history = model.fit(
        batches(), validation_data=LABELED, epochs=1, verbose=0
    ).history
    images, labels = LABELED
    logits = np.asarray(student(images, training=False))
    np.testing.assert_allclose(
        model.predict(images, verbose=0), logits, atol=1e-5
    )
    scores = model.evaluate(images, labels, verbose=0, return_dict=True)
    assert scores["accuracy"] == pytest.approx(
        np.mean(logits.argmax(-1) == labels)
    )
    assert set(scores) == {"loss", "accuracy"}
    validation = {k for k in history if k.startswith("val_")}
    assert validation == {"val_loss", "val_accuracy"}
    assert history["val_loss"][0] == pytest.approx(scores["loss"], rel=1e-5)


def test_no_labels_at_all():
    student, history = trained(data=batches(labeled=None), epochs=30)
    assert history["label"][0] == history["align"][0] == 0.0
    assert history["mimic"][-1] < history["mimic"][0]
    assert "accuracy" not in history


def test_labels_of_any_kind_may_come_after_none():
    images, labels = LABELED
    hot = images, np.eye(4, dtype="float32")[labels]
    model = AlignedDistiller(tiny.plain_net(), teacher(), align_weight=0.0)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"])
    seen = []
    model.fit(
        batches(labeled=None),
        # One that is in no list, as Keras takes it.
        callbacks=keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: seen.append(sorted(logs))
        ),
        verbose=0,
    )
    assert "mimic" in seen[0] and "accuracy" not in seen[0]
    guess = model.evaluate(*hot, verbose=0, return_dict=True)["accuracy"]
    choices = np.argmax(model.student(images, training=False), -1)
    assert guess == pytest.approx(np.mean(choices == labels))


def test_labels_may_come_after_none_without_a_warning():
    model = AlignedDistiller(tiny.plain_net(), tiny.plain_net(seed=1))
    model.compile(keras.optimizers.Adam(1e-2))
    (domain,) = model.domains
    before = [w.numpy() for w in domain.weights]
    with warnings.catch_warnings():
        for told in ("Gradients do not exist", "`shuffle=True` was passed"):
            warnings.filterwarnings("error", told)
        model.fit(batches(labeled=None), epochs=1, verbose=0)
    for weight, value in zip(domain.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    model.fit(batches(), epochs=1, verbose=0)
    assert np.abs(domain.weights[0].numpy() - before[0]).max() > 0


def test_sample_weights_weigh_the_labeled_images():
    images, labels = LABELED
    heavy = images, labels, np.full(12, 2.0, "float32")
    _, once = trained(epochs=1, data=batches().take(1))
    _, twice = trained(epochs=1, data=batches(labeled=heavy).take(1))
    assert twice["label"][0] == pytest.approx(2 * once["label"][0], rel=1e-5)


def test_students_and_teachers_of_other_input_sizes():
    student, history = trained(tiny.plain_net(size=6), epochs=1)
    assert student.input_shape == (None, 6, 6, 1)
    assert np.isfinite(history["loss"][0])


@pytest.mark.parametrize(("size", "expected"), [(6, False), (8, True)])
def test_resizing_turns_xla_off(size, expected, monkeypatch):
    # As where there is a GPU.
    monkeypatch.setattr(
        keras.Model, "_resolve_auto_jit_compile", lambda _: True
    )
    model = AlignedDistiller(tiny.plain_net(size=size), teacher())
    model.compile("sgd")
    assert model.jit_compile == expected
    model.compile("sgd", jit_compile=True)
    assert model.jit_compile


def test_teacher_may_be_any_function():
    model = AlignedDistiller(
        tiny.plain_net(),
        lambda x: tf.reduce_mean(x, (1, 2, 3))[:, None] * [[1.0, 2, 3, 4]],
    )
    model.compile("sgd")
    history = model.fit(batches(), epochs=1, verbose=0).history
    assert history["mimic"][0] > 0


def test_regularization_of_the_student_is_in_the_loss_and_in_no_term():
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, kernel_regularizer="l2", name="conv")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    student = keras.Model(inputs, keras.layers.Dense(4)(x))
    kernel = student.get_layer("conv").kernel.numpy()
    _, history = trained(
        student, epochs=1, data=batches().take(1), align_weight=0.0
    )
    terms = history["label"][0] + history["mimic"][0]
    assert history["loss"][0] - terms == pytest.approx(
        0.01 * (kernel**2).sum(), rel=1e-3
    )


def test_compiled_by_xla_or_not_is_the_same_student():
    plain, _ = trained(freeze_batchnorm=False, epochs=1)
    student = tiny.plain_net()
    model = AlignedDistiller(student, teacher(), freeze_batchnorm=False)
    model.compile(keras.optimizers.SGD(0.1), jit_compile=True)
    model.fit(batches(), epochs=1, verbose=0)
    received = tiny.weights(student)
    for path, value in tiny.weights(plain).items():
        np.testing.assert_allclose(value, received[path], rtol=1e-3, atol=1e-5)


def no_teacher(images):
    raise AssertionError("The teacher was run")


def with_targets(data):
    """The same batches, each with the teacher's logits of its images."""
    ask = teacher()

    def answered(labeled, pool):
        logits = [ask(images, training=False) for images in (labeled[0], pool)]
        return labeled, pool, tuple(logits)

    return data.map(answered)


@pytest.mark.parametrize("absent", [None, no_teacher])
def test_stored_targets_train_the_student_of_the_live_teacher(absent):
    live, expected = trained()
    student = tiny.plain_net()
    # Making the teacher sets the seed that the domain classifier starts from.
    stored = with_targets(batches())
    _, history = trained(student, data=stored, of=lambda: absent)
    received = tiny.weights(student)
    for path, value in tiny.weights(live).items():
        np.testing.assert_allclose(value, received[path], atol=1e-6)
    for name, values in expected.items():
        np.testing.assert_allclose(values, history[name], rtol=1e-5)


def test_stored_targets_of_no_labels_at_all():
    _, expected = trained(data=batches(labeled=None), epochs=1)
    ask = teacher()
    stored = batches(labeled=None).map(
        lambda pool: ((), pool, (ask(pool, training=False),))
    )
    model = AlignedDistiller(tiny.plain_net(), no_teacher)
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    history = model.fit(stored, epochs=1, verbose=0).history
    assert history["mimic"] == pytest.approx(expected["mimic"], rel=1e-5)


def test_several_steps_an_execution_are_the_same_student():
    one, _ = trained()
    two, _ = trained(compile_args={"steps_per_execution": 2})
    for path, value in tiny.weights(one).items():
        np.testing.assert_allclose(value, tiny.weights(two)[path], atol=1e-6)


@pytest.mark.parametrize("data", [batches(), batches(None)])
def test_a_step_is_traced_once(data, monkeypatch):
    traces, step = [], AlignedDistiller.train_step

    def noted(model, batch):
        traces.append(batch)
        return step(model, batch)

    monkeypatch.setattr(AlignedDistiller, "train_step", noted)
    trained(data=data)
    assert len(traces) == 1


@pytest.mark.parametrize("frozen", [False, True])
def test_a_step_fuses_the_normalization_of_the_student(frozen, monkeypatch):
    # What cannot be taken apart runs in Keras, without a word.
    taken = []

    def noted(model):
        graph = read_graph(model)
        taken.append(model)
        return graph

    monkeypatch.setattr(fused, "read_graph", noted)
    model = AlignedDistiller(
        tiny.plain_net(), teacher(), freeze_batchnorm=frozen
    )
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(batches(), verbose=0)
    assert any(one is model.tap for one in taken)


def test_losses_of_layers_may_be_of_two_kinds():
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Dense(
        4,
        dtype="mixed_float16",
        kernel_regularizer="l2",
        activity_regularizer="l2",
    )(keras.layers.Flatten()(inputs))
    model = AlignedDistiller(
        keras.Model(inputs, x), teacher(), align_weight=0.0
    )
    model.compile("sgd", run_eagerly=True)
    (batch,) = batches().take(1)
    logs = model.train_step(batch)
    terms = float(logs["label"] + logs["mimic"])
    assert len({term.dtype for term in model.losses}) == 2
    own = sum(float(term) for term in model.losses)
    assert float(logs["loss"]) == pytest.approx(terms + own, rel=1e-2)


def test_mixed_precision_trains_in_float16():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        student, history = trained(epochs=2)
    finally:
        keras.config.set_dtype_policy("float32")
    assert student.get_layer("conv1").compute_dtype == "float16"
    assert student.get_layer("conv1").kernel.dtype == "float32"
    assert np.isfinite(history["loss"]).all()
    # Gradients that were scaled up for float16 are scaled down again.
    whole, _ = trained(epochs=2)
    start = tiny.plain_net().get_layer("conv1").kernel.numpy()
    way = whole.get_layer("conv1").kernel.numpy() - start
    half = student.get_layer("conv1").kernel.numpy() - start
    np.testing.assert_allclose(half, way, rtol=0, atol=0.1 * np.abs(way).max())


def test_weights_round_trip_with_the_optimizer(tmp_path):
    def fresh():
        model = AlignedDistiller(tiny.plain_net(), teacher())
        model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
        model.optimizer.build(model.trainable_variables)
        return model

    model = fresh()
    model.fit(batches(), epochs=1, verbose=0)
    model.save_weights(tmp_path / "state.weights.h5")
    again = fresh()
    again.load_weights(tmp_path / "state.weights.h5")
    pairs = zip(
        [*model.weights, *model.optimizer.variables],
        [*again.weights, *again.optimizer.variables],
        strict=True,
    )
    for before, after in pairs:
        np.testing.assert_array_equal(before.numpy(), after.numpy())


def test_saving_the_distiller_names_what_to_save(tmp_path):
    model = AlignedDistiller(tiny.plain_net(), teacher())
    with pytest.raises(NotImplementedError, match="distiller.student.save"):
        model.save(tmp_path / "distiller.keras")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_weight": -1.0}, "Received: label_weight=-1.0"),
        ({"align_weight": float("nan")}, "Received: align_weight=nan"),
        ({"temperature": 0.0}, "above 0. Received: temperature=0.0"),
        ({"freeze_batchnorm": "both"}, "freeze_batchnorm='both'"),
        ({"batchnorm": "split"}, "Expected: `freeze_batchnorm`, true or"),
        ({"align_layers": "nowhere"}, "nowhere"),
        ({"mimic": "kd"}, "Received: mimic='kd'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        AlignedDistiller(tiny.plain_net(), teacher(), **options)


def test_other_classes_and_other_teachers_are_refused():
    with pytest.raises(ValueError, match="4 logits.*a student with 5"):
        AlignedDistiller(tiny.plain_net(num_classes=5), teacher())
    with pytest.raises(ValueError, match="Invalid value for `teacher`"):
        AlignedDistiller(tiny.plain_net(), 3)


class Subclassed(keras.Model):
    """A subclassed teacher, whose layers are not accessible."""

    def call(self, images):
        return images[:, 0, :4, 0]


def test_teachers_that_are_not_classifiers_are_refused():
    student, net = tiny.plain_net(), teacher()
    both = keras.Model(net.input, [net.output, net.get_layer("pool").output])
    for other, told in (
        (both, "Nothing tells what"),
        (Subclassed(), "taken apart"),
    ):
        with pytest.raises(ValueError, match=told):
            AlignedDistiller(student, other)


@pytest.mark.parametrize("options", [{"align_weight": 0.0}, {}])
def test_a_student_with_nothing_to_train_is_refused(options):
    student = tiny.plain_net(width=24)
    for layer in student.layers:
        layer.trainable = False
    model = AlignedDistiller(student, teacher(), **options)
    with pytest.raises(
        ValueError, match="no trainable weights.*'plain', none of"
    ):
        model.compile("sgd")


def test_class_weight_and_batches_without_a_pool_are_refused():
    model = AlignedDistiller(tiny.plain_net(), teacher())
    model.compile("sgd")
    with pytest.raises(ValueError, match="sample_weight.*Received: class_weig"):
        model.fit(batches(), class_weight={0: 2.0}, verbose=0)
    with pytest.raises(ValueError, match="has no unlabeled images"):
        model.fit(*LABELED, verbose=0)


@pytest.mark.parametrize(
    "loss",
    [
        "sparse_categorical_crossentropy",
        keras.losses.SparseCategoricalCrossentropy(),
    ],
)
def test_losses_on_probabilities_are_refused(loss):
    model = AlignedDistiller(tiny.plain_net(), teacher())
    with pytest.raises(ValueError, match="from_logits=True"):
        model.compile("sgd", loss)
