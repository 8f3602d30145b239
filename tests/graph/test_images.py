"""All forms of images give the same arrays, or an error before work starts."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tfdcu.graph.batches import batches
from tfdcu.graph.images import images_for
from tfdcu.pruning import prune_channels

X = np.random.default_rng(0).random((40, 6, 6, 3), dtype="float32")
Y = np.arange(40) % 4
slices = tf.data.Dataset.from_tensor_slices


class Sequence(keras.utils.PyDataset):
    """Four batches of ten."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        part = slice(10 * index, 10 * index + 10)
        return X[part], Y[part]


FORMS = {
    "array": lambda: X,
    "float64": lambda: X.astype("float64"),
    "tensor": lambda: tf.constant(X),
    "list of images": lambda: list(X),
    "list of one array": lambda: [X],
    "batches": lambda: slices(X).batch(8),
    "single images": lambda: slices(X),
    "labeled batches": lambda: slices((X, Y)).batch(16),
    "labeled images": lambda: slices((X, Y)),
    "dicts": lambda: slices({"image": X, "label": Y}).batch(8),
    "sequence": Sequence,
    "generator": lambda: (x for x in X),
    "generator of batches": lambda: iter([(X[:30], Y[:30]), (X[30:], Y[30:])]),
}
UNKNOWN = slices(X).map(
    lambda x: tf.numpy_function(lambda value: value, [x], tf.float32)
)


def model():
    inputs = keras.Input((6, 6, 3))
    x = layers.Conv2D(16, 3, activation="relu")(inputs)
    return keras.Model(inputs, layers.Dense(4)(layers.Flatten()(x)))


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_give_the_same_images(form):
    received = images_for(model(), FORMS[form]())
    for _ in range(2):
        found = np.concatenate([np.asarray(b) for b in batches(received, 8)])
        np.testing.assert_array_equal(found, X)


@pytest.mark.parametrize(
    "images,why",
    [
        (np.zeros((5, 7, 7, 3)), r"shape \(5, 7, 7, 3\)"),
        (X[..., :1], "6, 6, 1"),
        (X[0], r"shape \(6, 6, 3\)"),
        (X[:0], "no images"),
        (iter([]), "no images"),
        (np.where(X > 0.99, np.nan, X), "not finite"),
        (slices(np.zeros((5, 7, 7, 3))).batch(2), "7, 7, 3"),
        (slices(X[:0]).batch(2), "no images"),
        (UNKNOWN, "a dataset of unknown shape.*ensure_shape"),
        ([X, X], "list of 2"),
        ({"other": X}, "dict with"),
        (3, "type int"),
    ],
)
def test_what_does_not_fit_is_an_error_before_work_starts(images, why):
    with pytest.raises(ValueError, match=why) as error:
        prune_channels(model(), macs=0.5, images=images)
    assert "Expected" in str(error.value)


def test_pixels_up_to_1_are_refused_where_integers_are_taken():
    inputs = keras.Input((6, 6, 3), dtype="uint8")
    x = layers.Conv2D(16, 3)(layers.Rescaling(1 / 255)(inputs))
    net = keras.Model(inputs, layers.Dense(4)(layers.Flatten()(x)))
    with pytest.raises(ValueError, match="up to 255.*up to 0.99.*'uint8'"):
        prune_channels(net, macs=0.5, images=X)
    for images in 255 * X, np.ones((8, 6, 6, 3)):
        assert images_for(net, images) is not None


def several(named):
    inputs = {n: keras.Input(s, name=n) for n, s in (("b", (3,)), ("a", (5,)))}
    x = layers.Concatenate()([inputs["a"], inputs["b"]])
    x = layers.Dense(16, activation="relu")(x)
    given = inputs if named else [inputs["a"], inputs["b"]]
    return keras.Model(given, layers.Dense(2)(x))


A, B = X[:, 0, :5, 0], X[:, 1, 0]


@pytest.mark.parametrize(
    "named,images",
    [
        (True, {"b": B, "a": A}),
        (False, [A, B]),
        (False, (A, B)),
        (False, {"a": A, "b": B}),
        (True, slices({"a": A, "b": B}).batch(8)),
        (True, slices(({"a": A, "b": B}, Y)).batch(8)),
        (False, slices(((A, B), Y)).batch(8)),
        (False, slices((A, B))),
    ],
)
def test_several_inputs(named, images):
    small = prune_channels(several(named), macs=0.5, round_to=1, images=images)
    assert small.count_params() < several(named).count_params()
    received = images_for(several(named), images)
    for batch in batches(received, 8):
        assert [tuple(x.shape[1:]) for x in batch] == [(5,), (3,)]


@pytest.mark.parametrize("batched", [True, False])
def test_fractions_for_whole_numbers_are_refused(batched):
    image = keras.Input((6, 6, 3), dtype="uint8", name="image")
    size = keras.Input((2,), name="size")
    x = layers.Flatten()(layers.Rescaling(1 / 255)(image))
    one = keras.Model(image, layers.Dense(4)(x))
    x = layers.Concatenate()([x, size])
    two = keras.Model([image, size], layers.Dense(4)(x))
    sizes = np.ones((40, 2), "float32")
    for network, values in (one, X), (two, (X, sizes)):
        dataset = slices(values).batch(8) if batched else slices(values)
        with pytest.raises(ValueError, match="whole numbers.*up to 255.*uint8"):
            images_for(network, dataset)
        whole = tf.nest.map_structure(lambda x: 255 * x, values)
        images_for(network, slices(whole))


def test_what_it_returned_is_left_as_it_is():
    batch = slices((A, B)).batch(8)
    for net, given in (
        (model(), X),
        (model(), slices(X).batch(8)),
        (several(named=False), [A, B]),
        (several(named=False), images_for(several(named=False), batch)),
    ):
        once = images_for(net, given)
        again = images_for(net, once)
        assert tf.nest.flatten(again)[0] is tf.nest.flatten(once)[0]


def test_no_more_is_read_than_is_used():
    read = []

    def generator():
        for index in range(100):
            read.append(index)
            yield X[:8]

    assert len(images_for(model(), generator(), limit=20)) == 24
    assert len(read) == 3


def test_images_that_are_needed_may_not_be_none():
    assert images_for(model(), None) is None
    with pytest.raises(ValueError, match="Expected.*NoneType"):
        images_for(model(), None, needed=True)
