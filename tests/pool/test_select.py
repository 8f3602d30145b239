"""Laws of `select_pool`: kept images, summary and errors."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfdcu
from tests.pool.test_diagnose import constant_net
from tests.pool.test_diagnose import smooth
from tests.support import tiny
from tfdcu.data import open_source

NAMES = ("confidence", "balance", "nnpu")


def few(num=40):
    return smooth(num, seed=5), tiny.labels(num)


def sure_of(teacher, images):
    logits = np.asarray(teacher(images, training=False), "float64")
    return np.exp(tf.nn.log_softmax(logits)).max(1)


def junk(num, size=8):
    """Equal numbers of flat images, noise and copies of one image."""
    flat = np.linspace(0, 1, num)[:, None, None, None] * np.ones(
        (size, size, 1)
    )
    noise = tiny.images(num, size=size, seed=9)
    copies = np.repeat(smooth(1, seed=8, size=size), num, 0)
    return np.concatenate([flat, noise, copies]).astype("float32")


@pytest.mark.parametrize("by", NAMES)
def test_kept_images_and_summary(by):
    pool, teacher = smooth(120), tiny.linear_net()
    keep, found = tfdcu.select_pool(teacher, few(), pool, by=by, keep=50)
    assert keep.dtype == np.int64 and len(keep) == 50
    assert (np.diff(keep) > 0).all() and 0 <= keep[0] and keep[-1] < 120
    assert json.loads(json.dumps(found)) == found
    assert not any(isinstance(value, dict) for value in found.values())
    assert (found["by"], found["num_images"], found["num_kept"]) == (
        by,
        120,
        50,
    )
    assert found["share_kept"] == round(50 / 120, 4)
    for name, images in (("", pool), ("kept_", pool[keep])):
        expected = sure_of(teacher, images).mean()
        received = found[f"{name}confidence_mean"]
        assert received == pytest.approx(expected, abs=1e-4)
    assert sum(found["kept_shares"]) == pytest.approx(1, abs=1e-3)
    again, _ = tfdcu.select_pool(teacher, few(), pool, by=by, keep=50)
    np.testing.assert_array_equal(keep, again)


def test_by_confidence_the_most_confident_are_kept():
    pool, teacher = smooth(90), tiny.linear_net()
    expected = np.sort(np.argsort(-sure_of(teacher, pool))[:20])
    for keep in (20, 20.0, 20 / 90, np.int64(20)):
        kept, _ = tfdcu.select_pool(teacher, None, pool, keep=keep)
        np.testing.assert_array_equal(kept, expected)


def test_by_balance_classes_are_kept_alike_where_there_are_enough():
    pool, teacher = smooth(200), tiny.linear_net()
    _, found = tfdcu.select_pool(
        teacher, None, pool, by="balance", keep=40, drop_junk=False
    )
    counts = 200 * np.array(found["shares"])
    kept = 40 * np.array(found["kept_shares"])
    quota = kept.max()
    np.testing.assert_allclose(kept[counts >= quota], quota, atol=1.01)
    assert found["kept_effective_classes"] >= found["effective_classes"]


def test_junk_is_dropped_first_and_the_first_copy_stays():
    pool = np.concatenate([smooth(30, size=16), junk(5, size=16)])
    teacher = tiny.linear_net(size=16)
    keep, found = tfdcu.select_pool(teacher, None, pool, keep=1.0)
    np.testing.assert_array_equal(keep, [*range(30), 40])
    counts = [found[name] for name in ("flat", "noise", "duplicates")]
    assert counts == [5, 5, 4] and found["num_dropped"] == 14
    every, found = tfdcu.select_pool(
        teacher, None, pool, keep=1.0, drop_junk=False
    )
    assert len(every) == 45 and found["num_dropped"] == 0
    # More than is left is all that is left.
    capped, _ = tfdcu.select_pool(teacher, None, pool, keep=0.9)
    np.testing.assert_array_equal(capped, keep)


def half_and_half(num=150):
    """A teacher, labeled images, and a pool: half similar, half noise."""
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Flatten()(inputs)
    features = keras.layers.Dense(8, name="features")(x)
    teacher = keras.Model(
        inputs, keras.layers.Dense(4, name="logits")(features)
    )
    generator = np.random.default_rng(0)
    # Class by the quarter that is bright; noise is gray, and tells nothing.
    masks = np.zeros((4, 8, 8, 1), "float32")
    for index in range(4):
        row, column = divmod(index, 2)
        masks[index, 4 * row :, 4 * column :][:4, :4] = 1
    kernel = masks.reshape(4, 64).T
    weights = np.concatenate([kernel, kernel[::-1]], 1) / 16
    teacher.get_layer("features").set_weights([weights, np.zeros(8)])
    last = np.concatenate([12 * np.eye(4), np.zeros((4, 4))])
    teacher.get_layer("logits").set_weights([last, np.zeros(4)])

    def bright(num):
        images = masks[np.arange(num) % 4]
        return images * generator.uniform(0.6, 1, (num, 1, 1, 1))

    gray = 0.5 + 0.1 * generator.normal(size=(num, 8, 8, 1))
    pool = np.concatenate([bright(num), gray]).astype("float32").clip(0, 1)
    labeled = bright(60).astype("float32")
    return teacher, (labeled, tiny.labels(60)), pool


@pytest.mark.parametrize("by", ["confidence", "nnpu"])
def test_mostly_the_relevant_half_of_a_pool_is_kept(by):
    teacher, labeled, pool = half_and_half()
    options = {"by": by, "drop_junk": False}
    keep, found = tfdcu.select_pool(teacher, labeled, pool, **options)
    assert 0.4 <= found["share_kept"] <= 0.6
    assert found["share_kept"] == found["auto_share"]
    assert (keep < 150).mean() > 0.9
    same, _ = tfdcu.select_pool(teacher, labeled, pool, keep="auto", **options)
    np.testing.assert_array_equal(keep, same)


def test_at_least_a_tenth_is_kept_by_default():
    # One image alone is surer than all others.
    pool, teacher = smooth(95), tiny.linear_net()

    def by(outputs):
        return np.arange(95) == 7

    keep, found = tfdcu.select_pool(teacher, None, pool, by=by)
    assert len(keep) == 10 and 7 in keep
    assert found["by"] == "by"
    keep, _ = tfdcu.select_pool(teacher, None, pool, by=by, keep=1)
    np.testing.assert_array_equal(keep, [7])


def test_a_function_gets_all_outputs_and_may_choose_the_uncertain_half():
    pool, teacher = smooth(60), tiny.plain_net()
    seen = {}

    def unsure(outputs):
        seen.update(outputs)
        return -outputs["logits"].max(1)

    keep, found = tfdcu.select_pool(teacher, few(), pool, by=unsure, keep=0.5)
    logits = np.asarray(teacher(pool, training=False))
    expected = np.sort(np.argsort(logits.max(1), kind="stable")[:30])
    np.testing.assert_array_equal(keep, expected)
    assert seen["features"].shape == (60, 32)
    assert seen["labeled"]["features"].shape == (40, 32)
    assert found["by"] == "unsure"


def test_a_source_gives_the_same_as_its_arrays():
    pool, teacher = smooth(40), tiny.linear_net()
    source = open_source(pool, labeled=False)
    keep, _ = tfdcu.select_pool(teacher, None, source, keep=0.25)
    images = np.concatenate(list(source.subset(keep).batches(64)))
    np.testing.assert_array_equal(images, pool[keep])
    same, _ = tfdcu.select_pool(teacher, None, pool, keep=0.25)
    np.testing.assert_array_equal(keep, same)


def test_the_seed_draws():
    arguments = tiny.linear_net(), few(), smooth(60)
    one, other = (
        tfdcu.select_pool(*arguments, by="nnpu", keep=30, seed=seed)[0]
        for seed in (0, 1)
    )
    assert one.tolist() != other.tolist()


def test_teacher_and_random_state_are_left_alone():
    teacher = tiny.plain_net()
    before = tiny.weights(teacher)
    keras.utils.set_random_seed(5)
    expected = keras.random.normal((2,)), np.random.rand()
    keras.utils.set_random_seed(5)
    for by in NAMES:
        tfdcu.select_pool(teacher, few(), smooth(30), by=by)
    received = keras.random.normal((2,)), np.random.rand()
    tiny.assert_same_weights(before, tiny.weights(teacher))
    np.testing.assert_array_equal(expected[0], received[0])
    assert expected[1] == received[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "margin"}, "one of \\['balance', .*by='margin'"),
        ({"keep": 0.0}, "share in \\(0, 1\\].*keep=0.0"),
        ({"keep": 1.5}, "keep=1.5"),
        ({"keep": 0}, "keep=0"),
        ({"keep": True}, "keep=True"),
        ({"keep": "all"}, "keep='all'"),
        ({"by": "nnpu", "labeled": None}, "by='nnpu'.*labeled=None"),
        ({"by": "nnpu", "labeled": few(9)}, "at least 10 labeled.*Received: 9"),
        ({"unlabeled": junk(4)[:4]}, "4 images of .* all of them junk"),
        (
            {
                "unlabeled": tf.data.Dataset.from_tensor_slices(
                    smooth(9)
                ).shuffle(9)
            },
            "another order each time it is read",
        ),
        (
            {"teacher": constant_net([0.0, np.nan, 0.0, 0.0])},
            "finite logits. Received: NaN or infinity",
        ),
    ],
)
def test_invalid_arguments_are_refused(options, message):
    arguments = {
        "teacher": tiny.linear_net(),
        "labeled": few(),
        "unlabeled": smooth(20),
        **options,
    }
    with pytest.raises(ValueError, match=message):
        tfdcu.select_pool(**arguments)


def test_the_tenth_is_of_images_that_are_not_dropped():
    pool = np.concatenate([smooth(30, size=16), junk(60, size=16)])

    def by(outputs):
        return np.arange(len(outputs["logits"])) == 7

    keep, found = tfdcu.select_pool(tiny.linear_net(size=16), None, pool, by=by)
    assert len(keep) == 4  # of 30 images and the first of the copies
    assert found["auto_share"] == round(4 / 210, 4)
