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


@pytest.mark.parametrize(
    ("end", "loss", "answers"),
    [("sigmoid", None, "labels"), ("softmax", "mse", "values")],
)
def test_a_student_that_answers_another_thing_is_refused(end, loss, answers):
    student, teacher = classifier(5, "softmax"), classifier(5, end)
    teacher.compile("sgd", loss)
    message = f"different things.*: classes of the.*{answers} of the teacher's"
    with pytest.raises(ValueError, match=message):
        distiller(student, teacher)


def test_several_sigmoids_are_remembered():
    model = classifier(5, "sigmoid")
    logits = as_logits(model)
    assert is_multi_label(model) and is_multi_label(logits)
    assert is_multi_label(as_logits(logits))
    for other in (classifier(5), classifier(5, "softmax"), classifier(1)):
        assert not is_multi_label(as_logits(other))
    assert not is_multi_label(as_logits(classifier(1, "sigmoid")))


def test_a_linear_student_answers_what_its_teacher_does():
    teacher, student = classifier(5, "sigmoid"), classifier(5)
    assert distiller(student, teacher).heads.kinds == ["labels"]
    assert distiller(student, classifier(5)).heads.kinds == ["classes"]
    # Also after its rounding was put in.
    images = np.ones((4, 8, 8, 1), "float32")
    small = tfdcu.quantize_aware(as_logits(teacher), images=images)
    assert is_multi_label(small)


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
    near = tfdcu.AlignedDistiller(model, model, feature_layers="base_second")
    assert near.feature_layers == {"base_second": "base_second"}
    own.compile(keras.optimizers.SGD(0.1))
    before = [w.numpy() for w in model.weights]
    own.fit(batches(np.arange(24) % 2), verbose=0)
    for was, weight in zip(before, model.weights):
        # The bias before a normalization has no gradient.
        moved = not np.array_equal(was, weight.numpy())
        assert moved or weight.path.endswith("first/bias")


def test_a_fixed_number_of_images_is_refused_at_the_start():
    inputs = keras.Input((8, 8, 1), batch_size=4)
    x = layers.Conv2D(8, 3)(inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    small = tfdcu.prune_channels(model, macs=0.5, round_to=1)
    assert small.input_shape == (4, 8, 8, 1)
    images = np.zeros((8, 8, 8, 1), "float32")
    with pytest.raises(ValueError, match="fixed number.*Input.*without"):
        tfdcu.prune_channels(model, macs=0.5, images=images)
    with pytest.raises(ValueError, match="fixed number.*Input.*without"):
        tfdcu.AlignedDistiller(small, model)


def unet(end="softmax", classes=3):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(inputs)
    y = layers.Conv2D(16, 3, 2, padding="same", activation="relu")(x)
    y = layers.Conv2DTranspose(16, 3, 2, padding="same")(y)
    x = layers.concatenate([x, layers.ReLU()(y)])
    return keras.Model(inputs, layers.Conv2D(classes, 1, activation=end)(x))


def several(compiled=False):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(16, 3, activation="relu")(inputs)
    x = layers.Flatten()(layers.Conv2D(8, 3, activation="relu")(x))
    outputs = {
        "kind": layers.Dense(3, "softmax", name="kind")(x),
        "tags": layers.Dense(4, "sigmoid", name="tags")(x),
        "box": layers.Dense(4, name="box")(x),
    }
    model = keras.Model(inputs, outputs)
    if compiled:
        crossentropy = "sparse_categorical_crossentropy"
        losses = {"kind": crossentropy, "tags": "binary_crossentropy"}
        model.compile("sgd", {**losses, "box": "mse"})
    return model


X = np.random.default_rng(0).random((24, 8, 8, 1), dtype="float32")


def pool_of(x):
    return tf.data.Dataset.from_tensor_slices(x).batch(8).map(lambda u: (u,))


@pytest.mark.parametrize(("end", "classes"), [("softmax", 3), ("sigmoid", 1)])
def test_the_loss_of_a_map_is_the_mean_over_its_positions(end, classes):
    teacher = unet(end, classes)
    student = tfdcu.prune_channels(teacher, macs=0.5, round_to=1)
    logs = distiller(student, teacher).fit(pool_of(X), verbose=0).history
    p, q = np.asarray(teacher(X)), np.asarray(student(X))
    if classes == 1:
        p, q = (np.concatenate([v, 1 - v], -1) for v in (p, q))
    soft = [v**0.25 / (v**0.25).sum(-1, keepdims=True) for v in (p, q)]
    by_hand = 16 * (soft[0] * np.log(soft[0] / soft[1])).sum(-1).mean()
    np.testing.assert_allclose(logs["mimic"], by_hand, rtol=1e-3)
    y = (np.random.default_rng(1).random((24, 8, 8)) < 0.5).astype("int32")
    model = distiller(student, teacher)
    logs = model.fit(batches(y), verbose=0).history
    chosen = q.argmax(-1) if classes > 1 else (q[..., 0] > 0.5)
    np.testing.assert_allclose(logs["accuracy"], (chosen == y).mean(), 1e-5)
    assert model.evaluate(X, y, verbose=0, return_dict=True)["accuracy"] > 0


def test_the_terms_of_several_outputs_are_added():
    teacher = several(compiled=True)
    student = tfdcu.prune_channels(teacher, macs=0.5, round_to=1)
    model = tfdcu.AlignedDistiller(student, teacher)
    model.compile("sgd", metrics={"kind": ["accuracy"], "tags": ["accuracy"]})
    assert dict(zip(model.heads.names, model.heads.kinds)) == {
        "box": "values",
        "kind": "classes",
        "tags": "labels",
    }
    targets, logits = model.heads.teacher(X), model.student(X)
    total = tf.reduce_mean(kl(targets["kind"], logits["kind"], 4.0))
    total += tf.reduce_mean(binary_kl(targets["tags"], logits["tags"], 4.0))
    total += tf.reduce_mean(tf.square(targets["box"] - logits["box"]))
    np.testing.assert_allclose(
        model.heads.mimic(targets, logits), total, rtol=1e-5
    )
    y = {
        "kind": np.arange(24) % 3,
        "tags": np.ones((24, 4), "float32"),
        "box": np.zeros((24, 4), "float32"),
    }
    logs = model.fit(batches(y), epochs=2, verbose=0).history
    assert logs["loss"][1] < logs["loss"][0]
    assert {"kind_accuracy", "tags_accuracy"} <= set(logs)
    saved = tfdcu.AlignedDistiller(model.student, teacher)
    assert saved.heads.kinds == model.heads.kinds


def with_one_label(end="sigmoid"):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(16, 3, activation="relu", name="conv")(inputs)
    x = layers.Flatten()(x)
    kind = layers.Dense(3, "softmax", name="kind")(x)
    cat = layers.Dense(1, end, name="cat")(x)
    return keras.Model(inputs, {"kind": kind, "cat": cat})


@pytest.mark.parametrize("shape", [(24,), (24, 1)])
@pytest.mark.parametrize("end", ["sigmoid", None])
def test_one_label_among_several_outputs_is_two_classes(end, shape, tmp_path):
    teacher, student = with_one_label(), with_one_label(end)
    model = tfdcu.AlignedDistiller(student, teacher, align_weight=0.0)
    metrics = {"cat": ["accuracy"], "kind": ["accuracy"]}
    model.compile(keras.optimizers.SGD(0.0), metrics=metrics)
    p = teacher(X)
    y = {"kind": np.arange(24) % 3, "cat": (np.arange(24) % 2).reshape(shape)}
    logs = model.fit(batches(y), verbose=0).history
    yes = np.asarray(p["cat"])[:, 0]
    right = np.where(y["cat"].ravel() == 1, yes, 1 - yes)
    classes = np.asarray(p["kind"])[np.arange(24), y["kind"]]
    by_hand = -np.log(right).mean() - np.log(classes).mean()
    np.testing.assert_allclose(logs["label"], by_hand, rtol=1e-4)
    np.testing.assert_allclose(logs["cat_accuracy"], (right > 0.5).mean())
    np.testing.assert_allclose(logs["mimic"], 0, atol=1e-6)
    model.student.save(tmp_path / "student.keras")
    again = keras.models.load_model(tmp_path / "student.keras")
    again = tfdcu.AlignedDistiller(again, teacher)
    assert again.heads.kinds == model.heads.kinds
    shares = keras.ops.softmax(again.student(X)["cat"])[:, 1]
    np.testing.assert_allclose(shares, yes, atol=1e-6)


def test_each_output_may_have_its_own_sample_weights():
    teacher = with_one_label()
    model = tfdcu.AlignedDistiller(teacher, teacher, align_weight=0.0)
    metrics = {"cat": ["accuracy"], "kind": ["accuracy"]}
    model.compile(keras.optimizers.SGD(0.0), weighted_metrics=metrics)
    y = {"kind": np.arange(24) % 3, "cat": np.arange(24) % 2}
    some = (np.arange(24) < 6).astype("float32")

    def label(weight):
        few = tf.data.Dataset.from_tensor_slices((X, y, weight)).batch(8)
        pool = tf.data.Dataset.from_tensor_slices(X / 2).batch(8)
        batches = tf.data.Dataset.zip((few, pool))
        return model.fit(batches, verbose=0).history["label"][0]

    def terms():
        p = teacher(X)
        yes = np.asarray(p["cat"])[:, 0]
        yield -np.log(np.asarray(p["kind"])[np.arange(24), y["kind"]])
        yield -np.log(np.where(y["cat"] == 1, yes, 1 - yes))

    kind, cat = terms()
    both = (kind * some).mean() + 3 * cat.mean()
    weights = {"kind": some, "cat": np.full(24, 3, "float32")}
    np.testing.assert_allclose(label(weights), both, rtol=1e-4)
    all_alike = ((kind + cat) * some).mean()
    np.testing.assert_allclose(label(some), all_alike, rtol=1e-4)
    with pytest.raises(ValueError, match=r"by \['cat', 'kind'\].*of \['cat'\]"):
        label({"cat": some})


def test_a_linear_output_that_nothing_explains_is_refused():
    teacher = several()
    with pytest.raises(ValueError, match="Nothing tells.*'box'.*mimic=.*mse"):
        tfdcu.AlignedDistiller(teacher, teacher)
    model = tfdcu.AlignedDistiller(teacher, teacher, mimic={"box": "mse"})
    assert model.heads.kinds == ["values", "classes", "labels"]
    with pytest.raises(ValueError, match="no.*mimic|mimic.*not there"):
        tfdcu.AlignedDistiller(teacher, teacher, mimic={"other": "mse"})
    depth = unet(None, 1)
    with pytest.raises(ValueError, match="Nothing tells what the output"):
        tfdcu.AlignedDistiller(depth, depth)
    depth.compile("sgd", "mse")
    assert tfdcu.AlignedDistiller(depth, depth).heads.kinds == ["values"]


def test_what_outputs_answer_is_in_a_file(tmp_path):
    model = tfdcu.AlignedDistiller(*[several(compiled=True)] * 2)
    model.student.save(tmp_path / "student.keras")
    again = keras.models.load_model(tmp_path / "student.keras")
    assert tfdcu.AlignedDistiller(again, None).heads.kinds == model.heads.kinds
    logits = as_logits(classifier(5, "sigmoid"))
    small = tfdcu.prune_channels(logits, macs=0.5, round_to=1)
    small.save(tmp_path / "small.keras")
    assert is_multi_label(keras.models.load_model(tmp_path / "small.keras"))


def test_several_inputs_are_refused_at_once():
    one, other = keras.Input((4,)), keras.Input((3,))
    two = keras.Model(
        [one, other], layers.Dense(3)(layers.Concatenate()([one, other]))
    )
    for models in ((two, None), (classifier(3), two)):
        with pytest.raises(ValueError, match="several inputs.*None, 3"):
            tfdcu.AlignedDistiller(*models)
