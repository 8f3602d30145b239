"""Laws of the diagnosis: values by hand, reproducible, no side effects."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfdcu
from tests.support import tiny
from tfdcu.pool.diagnose import confidence
from tfdcu.pool.diagnose import coverage


def smooth(num, level=0.0, seed=0, size=8):
    """Smooth images, none of them junk."""
    generator = np.random.default_rng(seed)
    line = np.linspace(0, 0.5, size)
    slopes = generator.uniform(0.4, 1, (2, num, 1, 1))
    images = slopes[0] * line[:, None] + slopes[1] * line
    return (level + images[..., None] / 2).astype("float32")


def few(num=20, **options):
    return smooth(num, **options), tiny.labels(num)


def constant_net(logits, size=8):
    """A teacher with the same logits for every image."""
    net = tiny.plain_net(size)
    kernel, _ = net.get_layer("logits").get_weights()
    net.get_layer("logits").set_weights([0 * kernel, np.array(logits)])
    return net


def test_the_diagnosis_is_flat_and_json_ready():
    found = tfdcu.diagnose(tiny.plain_net(), few(), smooth(60, seed=1))
    assert json.loads(json.dumps(found)) == found
    assert not any(isinstance(value, dict) for value in found.values())
    assert (found["num_images"], found["num_labeled"]) == (60, 20)
    assert found["layer"] == "relu1"
    assert tfdcu.format_diagnosis(found)[0].startswith("On 60 images")


def test_a_pool_of_one_class_by_hand():
    teacher = constant_net(np.log([0.1, 0.1, 0.7, 0.1]))
    found = tfdcu.diagnose(teacher, None, smooth(50))
    names = ("mean", "q1", "median", "q3")
    assert [found[f"confidence_{n}"] for n in names] == [0.7] * 4
    assert found["entropy_mean"] == 0.9404
    assert found["shares"] == [0, 0, 1, 0]
    assert found["effective_classes"] == 1
    assert found["scarce_classes"] == [0, 1, 3]
    missing = tfdcu.format_diagnosis(found)[1]
    assert missing.startswith("3 of 4 classes are rare in the pool")


def test_the_teacher_s_accuracy_is_that_of_its_first_choices():
    teacher = constant_net([0, 0, 9, 0])
    images, labels = few(20)
    found = tfdcu.diagnose(teacher, (images, labels), smooth(40))
    assert found["labeled_accuracy"] == np.mean(labels == 2) == 0.25
    assert "labeled images is only 25.0 %" in tfdcu.format_diagnosis(found)[1]
    half = tfdcu.diagnose(teacher, (images, labels), smooth(40), num_images=8)
    assert half["num_labeled"] == 8


def test_without_labeled_images_their_values_are_none():
    found = tfdcu.diagnose(tiny.plain_net(), None, smooth(50))
    beside = {name for name in found if name.startswith("labeled_")}
    assert len(beside) == 8
    assert {found[name] for name in (*beside, "a_distance", "classes")} == {
        None
    }


def test_the_pool_beside_itself_is_the_same_and_near_it():
    pool = smooth(80)
    found = tfdcu.diagnose(tiny.plain_net(), (pool, tiny.labels(80)), pool)
    assert found["labeled_confidence_mean"] == found["confidence_mean"]
    assert found["labeled_entropy_mean"] == found["entropy_mean"]
    assert found["a_distance"] == 0


def test_a_brighter_pool_is_far_and_reported():
    found = tfdcu.diagnose(tiny.plain_net(), few(), smooth(200, level=0.5))
    assert found["a_distance"] == 2
    verdict = tfdcu.format_diagnosis(found)
    assert any("look different in low-level" in one for one in verdict)


def test_the_pool_in_the_labeled_images_colors_is_of_no_other_light():
    images, labels = few(40)
    pool = images + 0.5
    found = tfdcu.diagnose(tiny.plain_net(), (images, labels), pool)
    for name, values in {"pixel": pool, "labeled_pixel": images}.items():
        assert found[f"{name}_mean"] == pytest.approx([values.mean()], abs=1e-4)
        assert found[f"{name}_deviation"] == pytest.approx(
            [values.std()], abs=1e-4
        )
    verdict = tfdcu.format_diagnosis(found)
    assert any("data.match_colors=True" in one for one in verdict)
    matched = tfdcu.data.match_colors(pool, images)
    found = tfdcu.diagnose(tiny.plain_net(), (images, labels), matched)
    assert found["a_distance"] == 0
    assert not any(
        "colors of the" in one for one in tfdcu.format_diagnosis(found)
    )


@pytest.mark.parametrize(("num", "measured"), [(9, False), (10, True)])
def test_too_few_labeled_images_have_no_distance(num, measured):
    found = tfdcu.diagnose(tiny.plain_net(), few(num), smooth(30))
    assert (found["a_distance"] is not None) == measured


def test_junk_is_counted():
    flat, noise = np.full((2, 16, 16, 1), 0.5), tiny.images(3, size=16)
    good = smooth(10, size=16)
    pool = np.concatenate([good, flat, noise, good[:5]]).astype("float32")
    found = tfdcu.diagnose(tiny.plain_net(16), None, pool)
    counts = [found[name] for name in ("flat", "noise", "duplicates")]
    assert counts == [2, 3, 6]
    assert found["junk_share"] == 0.5


def test_the_seed_samples_the_images():
    arguments = tiny.linear_net(), few(), tiny.images(90)
    one, same, other = (
        tfdcu.diagnose(*arguments, num_images=40, seed=seed)
        for seed in (0, 0, 1)
    )
    assert one == same and one["num_images"] == 40
    assert other["confidence_mean"] != one["confidence_mean"]


def test_a_softmax_at_the_end_and_another_size_change_little():
    net = tiny.plain_net()
    ended = keras.Model(net.input, keras.layers.Softmax()(net.output))
    pool = smooth(30)
    plain = tfdcu.diagnose(net, None, pool)
    assert tfdcu.diagnose(ended, None, pool) == plain
    # An open source keeps its size, and is resized for the teacher alone.
    opened = tfdcu.data.open_source(np.repeat(pool, 2, 1), labeled=False)
    other = tfdcu.diagnose(net, None, opened)
    assert other["num_images"] == 30
    for name in ("confidence_mean", "entropy_mean", "effective_classes"):
        assert other[name] == pytest.approx(plain[name], rel=0.05)


def test_a_teacher_of_any_size_takes_the_images_own():
    inputs = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(8, 3, name="only")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    teacher = keras.Model(inputs, keras.layers.Dense(4)(x))
    found = tfdcu.diagnose(teacher, few(), smooth(30), layer="only")
    assert found["layer"] == "only" and found["a_distance"] is not None


def test_a_teacher_without_a_low_level_layer_has_no_distance():
    inputs = keras.Input((8, 8, 1))
    inner = tiny.plain_net()
    teacher = keras.Model(inputs, inner(inputs))
    found = tfdcu.diagnose(teacher, few(), smooth(30))
    assert found["layer"] is None and found["a_distance"] is None
    assert found["num_images"] == 30


def test_class_names_are_those_of_the_labeled_images():
    teacher = tiny.plain_net(num_classes=10)
    digits = tfdcu.data.open_source("digits")
    found = tfdcu.diagnose(teacher, digits, "printed:30")
    assert found["classes"] == list("0123456789")


def test_teacher_and_random_state_are_left_alone():
    teacher = tiny.plain_net()
    before = tiny.weights(teacher)
    keras.utils.set_random_seed(5)
    expected = keras.random.normal((2,)), np.random.rand()
    keras.utils.set_random_seed(5)
    tfdcu.diagnose(teacher, few(), smooth(30))
    received = keras.random.normal((2,)), np.random.rand()
    tiny.assert_same_weights(before, tiny.weights(teacher))
    np.testing.assert_array_equal(expected[0], received[0])
    assert expected[1] == received[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_images": 0}, "from 1 to .*Received: num_images=0"),
        ({"layer": "nowhere"}, "one of \\['image', .*layer='nowhere'"),
        ({"teacher": "nowhere.keras"}, "nowhere.keras"),
        ({"labeled": smooth(4)}, "not labeled images"),
        ({"unlabeled": "printd"}, "Unknown source"),
        (
            {"teacher": constant_net([0.0, np.nan, 0.0, 0.0])},
            "finite logits. Received: NaN or infinity for images of the arr",
        ),
    ],
)
def test_invalid_arguments_are_refused(options, message):
    arguments = {
        "teacher": tiny.plain_net(),
        "labeled": few(),
        "unlabeled": smooth(20),
        **options,
    }
    with pytest.raises(ValueError, match=message):
        tfdcu.diagnose(**arguments)


def test_pixels_up_to_1_are_refused_where_integers_are_taken():
    inputs = keras.Input((8, 8, 1), dtype="uint8")
    x = keras.layers.Conv2D(8, 3)(keras.layers.Rescaling(1 / 255)(inputs))
    net = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Flatten()(x)))
    with pytest.raises(ValueError, match=r"whole numbers.*=\(0, 255\).*uint8"):
        tfdcu.diagnose(net, few(), smooth(20))


def test_a_layer_that_is_called_twice_is_refused_by_name():
    inputs = keras.Input((8, 8, 1))
    again = keras.layers.Conv2D(1, 3, padding="same", name="again")
    x = keras.layers.Flatten()(again(again(inputs)))
    net = keras.Model(inputs, keras.layers.Dense(4)(x))
    with pytest.raises(ValueError, match="calls once.*'again'.*2 times"):
        tfdcu.diagnose(net, few(), smooth(20), layer="again")


def test_labeled_images_may_come_in_any_order():
    net, pool = tiny.plain_net(), smooth(40, seed=1)
    images, labels = few(64)
    pairs = tf.data.Dataset.from_tensor_slices((images, labels))
    found = tfdcu.diagnose(net, pairs.shuffle(64), pool)
    expected = tfdcu.diagnose(net, (images, labels), pool)
    assert found["labeled_accuracy"] == expected["labeled_accuracy"]


def logits_of(*probabilities):
    return np.log(np.array(probabilities, "float32"))


def choices(*counts):
    """Logits with the given number of predictions of each class."""
    return np.eye(len(counts))[np.repeat(np.arange(len(counts)), counts)]


def test_confidence_by_hand():
    found = confidence(
        logits_of([0.5, 0.5], [0.4, 0.6], [0.2, 0.8], [0.9, 0.1], [1, 1e-30])
    )
    assert found["confidence_mean"] == pytest.approx(3.8 / 5)
    quartiles = [found[f"confidence_{q}"] for q in ("q1", "median", "q3")]
    assert quartiles == pytest.approx([0.6, 0.8, 0.9])


def test_the_entropy_is_that_of_each_image():
    even = [0.25] * 4
    sure = [1.0, 1e-30, 1e-30, 1e-30]
    found = confidence(logits_of(even, sure))
    assert found["entropy_mean"] == pytest.approx(np.log(4) / 2)


def test_a_constant_added_to_the_logits_changes_nothing():
    logits = np.random.default_rng(0).normal(size=(9, 3))
    moved = confidence(logits + 100)
    assert moved == pytest.approx(confidence(logits))


def test_even_choices_count_all_classes():
    found = coverage(choices(10, 10, 10, 10))
    assert found["shares"] == [0.25] * 4
    assert found["effective_classes"] == pytest.approx(4)
    assert found["scarce_classes"] == []


def test_a_tenth_of_the_even_share_is_not_scarce_and_less_is():
    assert coverage(choices(2, 38))["scarce_classes"] == []
    assert coverage(choices(1, 39))["scarce_classes"] == [0]


def test_too_few_images_have_no_scarce_classes():
    found = coverage(choices(0, 19))
    assert found["scarce_classes"] is None
    assert found["enough_images"] == 20
