import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support import files
from tests.support import tiny
from tfdcu import data
from tfdcu.data.sources import source as source_lib
from tfdcu.pool.write_targets import view_batches


def numbered(num, first=0):
    """Images that each carry one number, to be told apart: (num, 2, 2, 1)."""
    numbers = np.arange(first, first + num, dtype="float32") / 1000
    return np.broadcast_to(numbers[:, None, None, None], (num, 2, 2, 1)).copy()


def numbers(images):
    return np.rint(np.asarray(images)[:, 0, 0, 0] * 1000).astype(int).tolist()


def few(num=10):
    return numbered(num, 500), np.arange(num) % 5


def pools(tmp_path):
    """The same pool with random access and as a stream."""
    return numbered(23), tf.data.Dataset.from_tensor_slices(numbered(23))


def unrolled(batches):
    return [
        [part.tobytes() for part in tf.nest.flatten(element)]
        for element in batches.as_numpy_iterator()
    ]


def test_labeled_images_are_a_quarter_if_not_said():
    for size, quarter in ((None, 8), (20, 5), (2, 1)):
        options = {} if size is None else {"batch_size": size}
        batches = data.training_batches(few(), numbered(40), **options)
        (x, _), unlabeled = next(iter(batches))
        assert (len(unlabeled), len(x)) == (size or 32, quarter)


def test_elements():
    batches = data.training_batches(
        few(), numbered(23), batch_size=4, labeled_batch_size=3
    )
    assert batches.cardinality() == 5
    (x, y), unlabeled = next(iter(batches))
    assert x.shape == (3, 2, 2, 1) and x.dtype == tf.float32
    assert y.shape == (3,) and y.dtype == tf.int32
    assert unlabeled.shape == (4, 2, 2, 1) and unlabeled.dtype == tf.float32
    assert len(list(batches)) == 5
    only = data.training_batches(None, numbered(23), batch_size=4)
    element = next(iter(only))
    assert isinstance(element, tuple) and len(element) == 1


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("cache", [True, False])
def test_an_epoch_is_one_pass_over_the_pool(tmp_path, kind, cache):
    batches = data.training_batches(
        few(),
        pools(tmp_path)[kind],
        batch_size=4,
        labeled_batch_size=4,
        cache=cache,
    )
    orders = []
    for _ in range(2):
        seen, labels = [], {}
        for (x, y), unlabeled in batches:
            seen += numbers(unlabeled)
            labels |= dict(zip(numbers(x), y.numpy(), strict=True))
        assert len(seen) == len(set(seen)) == 20
        assert labels == {500 + index: index % 5 for index in range(10)}
        orders.append(seen)
    # Freshly shuffled every time.
    assert orders[0] != orders[1] != sorted(orders[1])


@pytest.mark.parametrize("kind", [0, 1])
def test_few_labeled_images_are_repeated_in_reshuffled_passes(tmp_path, kind):
    images, labels = few()
    labeled = (images, labels)
    if kind:
        labeled = tf.data.Dataset.from_tensor_slices(labeled)
    batches = data.training_batches(
        labeled, numbered(40), batch_size=4, labeled_batch_size=4, cache=False
    )
    seen = [n for (x, _), _ in batches for n in numbers(x)]
    passes = [seen[start : start + 10] for start in range(0, 40, 10)]
    for one in passes:
        assert sorted(one) == list(range(500, 510))
    assert len({tuple(one) for one in passes}) == 4


def test_a_small_pool_fills_one_batch():
    batches = data.training_batches(few(), numbered(3), batch_size=8)
    ((_, unlabeled),) = list(batches)
    counts = np.bincount(numbers(unlabeled))
    assert sorted(counts) == [2, 3, 3]


@pytest.mark.parametrize(
    ("kind", "augment"),
    [
        ("arrays", None),
        ("arrays", "flip_crop"),
        ("folder", "shift"),
        ("stream", "callable"),
    ],
)
def test_a_resumed_run_sees_the_same_batches(tmp_path, augment, kind):
    labeled = (tiny.images(10, channels=3), tiny.labels(10))
    pool = tiny.images(23, channels=3, seed=1)
    if kind == "stream":
        labeled = tf.data.Dataset.from_tensor_slices(labeled)
        pool = tf.data.Dataset.from_tensor_slices(pool)
    if kind == "folder":
        pool = f"folder:{files.class_folder(tmp_path, num=12)}"
    if augment == "callable":

        def augment(image, seed):
            return image + tf.random.stateless_uniform((), seed)

    def epochs(first, last):
        # Another process may have used its random numbers otherwise.
        keras.utils.set_random_seed(first + 7)
        return unrolled(
            data.training_batches(
                labeled,
                pool,
                batch_size=4,
                labeled_batch_size=3,
                augment=augment,
                epochs=range(first, last),
                cache=False,
                seed=5,
            )
        )

    whole = epochs(0, 4)
    steps = len(whole) // 4
    assert len(whole) == steps * 4 and steps in (5, 6)
    assert epochs(2, 4) == whole[2 * steps :]
    assert epochs(1, 2) == whole[steps : 2 * steps]
    flat = [tuple(batch) for batch in whole]
    assert len(set(flat)) == len(flat)


def test_every_seed_and_epoch_has_its_own_order_and_views():
    def orders(seed):
        batches = data.training_batches(
            None, numbered(20), batch_size=20, epochs=3, seed=seed
        )
        return [tuple(numbers(unlabeled)) for (unlabeled,) in batches]

    seen = orders(0) + orders(1) + orders(2**30 - 1)
    assert len(set(seen)) == 9

    pool = np.tile(tiny.images(1, size=16), (64, 1, 1, 1))
    labeled = (pool, np.zeros(64, int))
    batches = data.training_batches(
        labeled,
        pool,
        batch_size=64,
        labeled_batch_size=64,
        augment="shift",
        epochs=2,
    )
    # Images are all alike: what differs are the views of the two streams and
    # of the two epochs.
    ((x, _), unlabeled), ((later, _), _) = list(batches)
    assert not np.array_equal(x, unlabeled)
    assert not np.array_equal(x, later)


def by_image(batches, part):
    """Dict from the number an image carries to its views, in their order.

    Images carry their number in every pixel, so that a view of what is
    multiplied by `1 + draw` tells both."""
    seen = {}
    for element in batches:
        for image in np.asarray(part(element))[:, 0, 0, 0]:
            number, draw = divmod(float(image), 1.0)
            seen.setdefault(int(number), []).append(draw)
    return seen


def marked(image, seed):
    return image + tf.random.stateless_uniform((), seed) / 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("cache", [True, False])
def test_a_view_depends_only_on_image_and_pass(stream, cache):
    """Whatever the batch size, the order and how the source is read."""

    def views(batch_size, epochs, number=0, few_number=None):
        few, pool = numbered(3) * 1000, numbered(24) * 1000
        labeled = few, np.arange(3)
        if stream:
            labeled = tf.data.Dataset.from_tensor_slices(labeled)
            pool = tf.data.Dataset.from_tensor_slices(pool)
        batches = data.training_batches(
            labeled,
            pool,
            value_range=(0, 100),
            batch_size=batch_size,
            labeled_batch_size=batch_size,
            augment=marked,
            views=number,
            labeled_views=few_number,
            epochs=epochs,
            cache=cache,
            seed=3,
        )
        return (
            by_image(batches, lambda element: element[0][0]),
            by_image(batches, lambda element: element[1]),
        )

    few, pool = views(6, range(3))
    # An image of the pool is met once an epoch, one of the few eight times.
    assert {len(seen) for seen in pool.values()} == {3}
    assert {len(set(seen)) for seen in few.values()} == {24}
    assert len({draw for seen in pool.values() for draw in seen}) == 72
    assert views(24, range(3))[1] == pool
    assert views(6, range(2, 3))[1] == {k: v[2:] for k, v in pool.items()}
    # A view of the few is that of the pool: ids are places in a source.
    assert all(few[i][:3] == pool[i] for i in few)
    turns, again = views(6, range(3), 2)
    assert all(again[i] == [v[0], v[1], v[0]] for i, v in pool.items())
    assert all(turns[i] == few[i][:2] * 12 for i in few)
    own, same = views(6, range(3), 2, 4)
    assert same == again
    assert all(own[i] == few[i][:4] * 6 for i in few)


def test_a_stream_is_shuffled_in_windows_of_bounded_memory(monkeypatch):
    pool = tf.data.Dataset.from_tensor_slices(numbered(40))
    monkeypatch.setattr(source_lib, "SHUFFLE_LIMIT", 10 * 4 * 4)
    batches = data.training_batches(None, pool, batch_size=10, cache=False)
    for start, (unlabeled,) in zip(range(0, 40, 10), batches, strict=True):
        assert sorted(numbers(unlabeled)) == list(range(start, start + 10))
        assert numbers(unlabeled) != list(range(start, start + 10))


def test_a_dataset_that_reshuffles_is_read_in_each_pass():
    drawn = tf.data.Dataset.random(seed=1, rerandomize_each_iteration=True)
    pool = drawn.take(8).map(
        lambda number: tf.fill((2, 2, 1), tf.cast(number, tf.float32) / 2**32)
    )
    batches = data.training_batches(None, pool, batch_size=8)
    (first,), (second,) = next(iter(batches)), next(iter(batches))
    assert not set(numbers(first)) & set(numbers(second))
    with pytest.raises(ValueError, match="another order"):
        data.training_batches(None, pool, batch_size=8, epochs=range(2))


def test_the_pool_is_resized_to_the_labeled_images():
    pool = np.zeros((9, 12, 10, 3), "uint8")
    batches = data.training_batches(few(), pool, batch_size=4)
    assert batches.element_spec[1].shape == (4, 2, 2, 1)


def test_evaluation_batches_hold_each_image_once_in_order():
    images, labels = few()
    batches = list(data.evaluation_batches((images, labels), 4))
    assert [len(y) for _, y in batches] == [4, 4, 2]
    np.testing.assert_array_equal(
        np.concatenate([x for x, _ in batches]), images
    )
    np.testing.assert_array_equal(
        np.concatenate([y for _, y in batches]), labels
    )
    pool = data.open_source(images, labeled=False)
    (batch,) = data.evaluation_batches(pool)
    np.testing.assert_array_equal(batch, images)


def test_errors():
    with pytest.raises(ValueError, match="`batch_size`. Expected: a whole"):
        data.training_batches(few(), numbered(4), batch_size=0)
    with pytest.raises(ValueError, match="`views`. Expected: a whole.*-1"):
        data.training_batches(few(), numbered(4), views=-1)
    with pytest.raises(ValueError, match="`labeled_views`.*labeled_views=-1"):
        data.training_batches(few(), numbered(4), labeled_views=-1)
    with pytest.raises(ValueError, match="Unknown augmentation"):
        data.training_batches(few(), numbered(4), augment="mixup")
    with pytest.raises(ValueError, match="Unknown source"):
        data.training_batches(few(), "pool")


def test_batches_under_a_distribution_strategy():
    # With one device the strategy still distributes and rebatches.
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    batches = data.training_batches(
        few(), numbered(23), batch_size=4, augment="flip_crop", epochs=1
    )
    expected = unrolled(batches)
    received = [
        [
            strategy.experimental_local_results(part)[0].numpy().tobytes()
            for part in tf.nest.flatten(element)
        ]
        for element in strategy.experimental_distribute_dataset(batches)
    ]
    assert received == expected


@pytest.mark.parametrize("labeled", [True, False])
def test_no_pipeline_is_autotuned(labeled):
    source = few() if labeled else numbered(4)
    opened = data.open_source(source, labeled=labeled)
    made = [
        opened.dataset,
        opened.batches(3),
        data.evaluation_batches(opened),
        data.training_batches(few() if labeled else None, numbered(4)),
        view_batches(opened.without_labels(), np.arange(4), 2),
    ]
    assert all(one.options().autotune.enabled is False for one in made)


@pytest.mark.parametrize("seed", [0, 1, 5])
def test_no_class_is_frequent_in_a_batch_of_a_sorted_source(seed):
    images, labels = numbered(200), np.arange(200) // 20
    batches = data.training_batches(
        (images, labels),
        numbered(400),
        epochs=range(8),
        batch_size=32,
        seed=seed,
    )
    pairs = []
    for (_, y), _ in batches.as_numpy_iterator():
        equal = (y[:, None] == y).sum() - len(y)
        pairs.append(equal / (len(y) * (len(y) - 1)))
    # Of 199 others 19 are of the same class; three standard errors.
    assert np.mean(pairs) == pytest.approx(19 / 199, abs=0.025)


def test_all_of_a_long_stream_is_trained_on(monkeypatch):
    images, labels = numbered(60), np.arange(60) // 15
    stream = tf.data.Dataset.from_tensor_slices((images, labels))
    monkeypatch.setattr(source_lib, "SHUFFLE_LIMIT", 8 * images[0].nbytes)
    batches = data.training_batches(
        stream, numbered(24), epochs=range(10), batch_size=8, cache=False
    )
    seen = [numbers(x) for (x, _), _ in batches.as_numpy_iterator()]
    assert len(seen) == 30 and {len(one) for one in seen} == {2}
    # An epoch takes six, so ten of them are one pass.
    assert sorted(np.ravel(seen)) == list(range(60))
