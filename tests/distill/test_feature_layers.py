"""Laws of the feature layers: the default layer, and pairs of layers."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu import AlignedDistiller
from tfdcu.distill.alignment import layers_to_align
from tfdcu.distill.feature_layers import default_feature_layer
from tfdcu.distill.feature_layers import default_pairs
from tfdcu.distill.feature_layers import feature_pairs
from tfdcu.distill.feature_layers import kept_channels
from tfdcu.models import at_size
from tfdcu.pruning import plan_channels

STUDENT = tiny.plain_net()
TEACHER = tiny.plain_net(width=24)


@pytest.mark.parametrize(
    ("net", "name"),
    [
        (tiny.plain_net, "relu2"),
        (tiny.residual_net, "block2_out"),
        (tiny.depthwise_net, "pointwise_bn"),
    ],
)
def test_the_default_is_the_last_layer_before_the_pooling(net, name):
    assert default_feature_layer(net()) == name


def test_maps_of_size_one_come_after_the_pooling():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, name="conv")(inputs)
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Conv2D(16, 1, name="head")(x)
    outputs = layers.Dense(4)(layers.Flatten()(x))
    assert default_feature_layer(keras.Model(inputs, outputs)) == "conv"
    # Where there are no others they are what is left.
    x = layers.Conv2D(8, 8, name="whole")(inputs)
    outputs = layers.Dense(4)(layers.Flatten()(x))
    assert default_feature_layer(keras.Model(inputs, outputs)) == "whole"


def test_the_tokens_of_a_transformer_are_the_last_places():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 4, strides=4, name="patches")(inputs)
    x = layers.Reshape((4, 8))(x)
    x = layers.LayerNormalization(name="tokens")(x)
    x = layers.GlobalAveragePooling1D()(x)
    model = keras.Model(inputs, layers.Dense(4)(x))
    assert default_feature_layer(model) == "tokens"


def test_without_any_map_a_layer_must_be_named():
    inputs = keras.Input((4,))
    outputs = layers.Dense(2, name="logits")(inputs)
    with pytest.raises(ValueError, match="`feature_layers`.*'logits'"):
        default_feature_layer(keras.Model(inputs, outputs))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, [("relu2", "relu2")]),
        ("conv1", [("conv1", "conv1")]),
        (("conv1", "bn2"), [("conv1", "conv1"), ("bn2", "bn2")]),
        ({"conv1": "bn1", "bn2": "bn2"}, [("conv1", "bn1"), ("bn2", "bn2")]),
    ],
)
def test_layers_are_paired_by_name_or_by_a_dict(given, expected):
    twin = tiny.plain_net(seed=1)
    pairs = feature_pairs(STUDENT, twin, given)
    assert [(one.student, one.teacher) for one in pairs] == expected
    for one in pairs:
        assert one.student_output is STUDENT.get_layer(one.student).output
        assert one.teacher_output is twin.get_layer(one.teacher).output


def twice_called():
    inputs = keras.Input((8, 8, 1))
    conv = layers.Conv2D(1, 3, padding="same", name="shared")
    x = layers.GlobalAveragePooling2D()(conv(conv(inputs)))
    return keras.Model(inputs, layers.Dense(4)(x))


@pytest.mark.parametrize(
    ("student", "teacher", "given", "message"),
    [
        (STUDENT, TEACHER, "no", "not in the student.*'relu2'.*Received.*no"),
        (STUDENT, TEACHER, {"bn1": "no"}, "not in the teacher.*'relu2'.*no"),
        (STUDENT, TEACHER, (), "not in the student"),
        (
            STUDENT,
            tiny.residual_net(channels=1),
            "relu2",
            "not in the teacher.*dict from the student's names.*relu2",
        ),
        (twice_called(), TEACHER, "shared", "called once"),
        (STUDENT, None, "relu2", "`keras.Model`, or feature_layers=N.*None"),
        (STUDENT, lambda images: images, "relu2", "need a teacher with layers"),
    ],
)
def test_invalid_layers_are_refused(student, teacher, given, message):
    with pytest.raises(ValueError, match=message):
        AlignedDistiller(
            student,
            teacher,
            feature_layers=given,
            align_weight=0.0,
        )


def test_kept_channels_are_the_teachers():
    kept = {"relu2": [1, 5, 47]}
    np.testing.assert_array_equal(kept_channels("relu2", 48, kept), [1, 5, 47])
    assert kept_channels("relu1", 24, kept) is None
    for wrong in ([-1, 2], [48], 3):
        with pytest.raises(ValueError, match=r"from 0 to 47.*kept\['relu2'\]"):
            kept_channels("relu2", 48, {"relu2": wrong})


def test_a_pruned_student_is_compared_channel_by_channel():
    kept = {"relu2": range(32)}
    (found,) = default_pairs(STUDENT, TEACHER, kept)
    np.testing.assert_array_equal(found.channels, range(32))
    assert default_pairs(STUDENT, TEACHER, None) == []
    assert default_pairs(STUDENT, lambda images: images, kept) == []
    # The other channels of the layer are not known.
    with pytest.warns(UserWarning, match="not matched.*'relu2'.*`kept`"):
        assert default_pairs(STUDENT, TEACHER, {"relu1": range(32)}) == []
    other = tiny.residual_net(channels=1)
    assert default_pairs(STUDENT, other, kept) == []
    model = AlignedDistiller(STUDENT, TEACHER, kept=kept)
    assert model.feature_layers == {"relu2": "relu2"}


def test_a_student_of_smaller_images_alone_is_compared_in_all_channels():
    student = at_size(TEACHER, (6, 6, 1))
    (found,) = default_pairs(student, TEACHER, {})
    assert found.student == "relu2" and found.channels is None
    model = AlignedDistiller(student, TEACHER, kept={})
    assert model.feature_layers == {"relu2": "relu2"}
    assert AlignedDistiller(student, TEACHER).feature_layers == {}


def test_wrong_indices_of_the_default_layer_are_refused():
    with pytest.raises(ValueError, match=r"from 0 to 47.*kept\['relu2'\]"):
        default_pairs(STUDENT, TEACHER, {"relu2": [48]})


def pruned(depth):
    """A student and its teacher, whose layers are `depth` models deep."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(16, 3, activation="relu", name="c1")(inputs)
    x = layers.Conv2D(16, 3, activation="relu", name="c2")(x)
    base = keras.Model(inputs, x, name="base")
    if depth == 2:
        taken = keras.Input((8, 8, 1))
        base = keras.Model(taken, base(taken), name="trunk")
    images = keras.Input((8, 8, 1))
    x = base(images) if depth else x
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    taken = images if depth else inputs
    teacher = keras.Model(taken, layers.Dense(3, name="logits")(x))
    plan = plan_channels(teacher, images=tiny.images(32), macs=0.5)
    return plan.apply(), teacher, plan.kept_channels()


def test_layers_of_nested_models_are_matched_as_others_are():
    images = tiny.images(16)
    shares, channels = [], []
    for depth, path in enumerate(("c2", "base/c2", "trunk/base/c2")):
        student, teacher, kept = pruned(depth)
        name = path.replace("/", "_")
        for given in (None, path, name, {path: path}):
            model = AlignedDistiller(
                student, teacher, kept, feature_layers=given, align_weight=0.0
            )
            assert model.feature_layers == {name: name}
        _, theirs = model.teacher_outputs(images, None)
        own = model.tap(images)["features"]
        shares.append(float(model.feature_loss(theirs, own)))
        channels.append(kept[path])
    assert channels[0] == channels[1] == channels[2]
    np.testing.assert_allclose(shares, shares[0], rtol=1e-4)
    assert 0 < shares[0] < 1


def test_shapes_must_agree_where_they_are_compared():
    for student in (STUDENT, tiny.plain_net(size=6)):
        feature_pairs(student, TEACHER, "relu2", {"relu2": range(32)})
    with pytest.raises(ValueError, match=r"channels.*8, 32\).*8, 48\)"):
        feature_pairs(STUDENT, TEACHER, "relu2")
    with pytest.raises(ValueError, match=r"8, 32\).*8, 31\)"):
        feature_pairs(STUDENT, TEACHER, "relu2", {"relu2": range(31)})
    with pytest.raises(ValueError, match=r"same rank.*8, 32\).*\(None, 48\)"):
        feature_pairs(STUDENT, TEACHER, {"relu2": "pool"})


def test_unknown_sizes_are_not_compared():
    inputs = keras.Input((None, None, 1))
    x = layers.Conv2D(32, 3, name="relu2")(inputs)
    x = layers.Dense(4)(layers.GlobalAveragePooling2D()(x))
    student = keras.Model(inputs, x)
    feature_pairs(student, TEACHER, "relu2", {"relu2": range(32)})


def test_layers_to_align_are_of_the_student():
    assert layers_to_align(STUDENT) == ("relu1",)
    assert layers_to_align(STUDENT, "conv1") == ("conv1",)
    assert layers_to_align(STUDENT, ["conv1", "bn2"]) == ("conv1", "bn2")
    for wrong in ("nowhere", ()):
        with pytest.raises(ValueError, match="not in the student.*'conv1'"):
            layers_to_align(STUDENT, wrong)
