"""Stored targets: matched to images and views, complete or refused."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support import tiny
from tfdcu import data
from tfdcu.data.sources import source as source_lib
from tfdcu.data.targets import Targets
from tfdcu.data.targets import claim
from tfdcu.pool.write_targets import Collector
from tfdcu.pool.write_targets import view_batches

IMAGES = tiny.images(10)
LOGITS = np.random.default_rng(0).normal(size=(2, 10, 4)).astype("float32")


def fingerprint(source, augment="shift", views=2, seed=0, **changes):
    view = data.describe_views(
        augment, views, seed, source.image_shape, source.value_range
    )
    return {
        "teacher": "mine",
        "mirror": False,
        "classes": 4,
        "top_k": None,
        "shard_size": 4,
        "images": data.describe_images(source),
        "view": view,
    } | changes


def pool(images=IMAGES):
    return data.open_source(images, labeled=False)


def written(path, numbers=(0, 1, 2)):
    """Targets with the shards of these numbers."""
    targets = claim(path, fingerprint(pool()))
    collector = Collector(targets)
    batches = view_batches(
        pool(), targets.ids(numbers), 3, "shift", targets.views
    )
    for ids, view, pixels, _ in batches:
        logits = LOGITS[view, ids.numpy()]
        collector.add(ids.numpy(), int(view), pixels.numpy(), logits)
    return targets


def batches(targets, images=IMAGES, **options):
    options = {"augment": "shift", "views": 2, "batch_size": 5} | options
    return data.training_batches(None, images, targets=targets, **options)


def test_stored_logits_are_recalled(tmp_path):
    targets = written(tmp_path)
    assert (targets.num_shards, targets.missing()) == (3, [])
    recall = Targets(tmp_path).recall()
    ids, passes = np.arange(10)[::-1].copy(), np.arange(10)
    logits = recall(ids, passes, tf.constant(IMAGES[ids]))
    np.testing.assert_array_equal(
        logits, LOGITS[passes % 2, ids].astype("float16")
    )


def test_a_changed_image_is_detected_by_recall(tmp_path):
    recall = written(tmp_path).recall()
    images = IMAGES.copy()
    images[6, 0, 0] += 1e-3
    recall(np.arange(4, 6), np.arange(2), tf.constant(images[4:6]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="image differs"):
        recall(np.arange(4, 8), np.arange(4), tf.constant(images[4:8]))


def test_the_folder_holds_the_fingerprint(tmp_path):
    given = fingerprint(pool())
    targets = claim(tmp_path, given)
    assert given.items() <= targets.fingerprint.items()
    assert claim(tmp_path, given).fingerprint == targets.fingerprint


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teacher": "another"}, "teacher is 'another', was 'mine'"),
        ({"top_k": 2}, "top_k is 2, was None"),
        ({"shard_size": 8}, "shard_size is 8, was 4"),
        ({"seed": 3}, "view.seed is 3, was 0"),
        ({"views": 5}, "view.views is 5, was 2"),
        ({"augment": "flip_crop"}, "view.augment is 'flip_crop'"),
    ],
)
def test_another_fingerprint_is_refused_or_renewed(tmp_path, changes, message):
    targets = written(tmp_path, [0])
    other = fingerprint(pool(), **changes)
    with pytest.raises(ValueError, match=f"another fingerprint.*{message}"):
        claim(tmp_path, other)
    assert targets.missing() == [1, 2]
    assert targets.missing([0, 2]) == [2] and targets.missing(()) == []
    renewed = claim(tmp_path, other, renew=True)
    assert renewed.missing() == list(range(renewed.num_shards))


def test_shards_of_another_fingerprint_are_missing(tmp_path):
    """Whoever renews may not reach the shards of other processes."""
    written(tmp_path)
    other = fingerprint(pool(), seed=3)
    assert claim(tmp_path, other, renew=True, shard=(0, 2)).missing() == [
        0,
        1,
        2,
    ]
    assert (tmp_path / "shard-00001.json").exists()


def test_images_of_another_number_shape_or_range_are_refused(tmp_path):
    written(tmp_path)
    for images in (IMAGES[:9], IMAGES[:, :4], IMAGES - 0.5):
        source = data.open_source(
            images, labeled=False, value_range=(images.min() - 0.1, 1.0)
        )
        with pytest.raises(ValueError, match="another fingerprint.*images"):
            claim(tmp_path, fingerprint(source))


def test_a_folder_without_targets_is_refused(tmp_path):
    with pytest.raises(ValueError, match="There are no targets"):
        Targets(tmp_path)
    (tmp_path / "targets.json").write_text("[]")
    with pytest.raises(ValueError, match="There are no targets"):
        Targets(tmp_path)


@pytest.mark.parametrize("limit", [0, 2**20])
@pytest.mark.parametrize("stream", [False, True])
def test_batches_hold_the_targets_of_their_views(
    tmp_path, monkeypatch, limit, stream
):
    """Each image of a batch, whatever the order, beside its own logits."""
    targets = written(tmp_path)
    monkeypatch.setattr(source_lib, "MEMORY_LIMIT", limit)
    images = IMAGES
    if stream:
        images = tf.data.Dataset.from_tensor_slices(IMAGES)
    by_view = {}
    for ids, view, _, seen in view_batches(
        pool(), np.arange(10), 10, "shift", 2
    ):
        for image, place in zip(seen.numpy(), ids.numpy(), strict=True):
            # Two views of an image may be moved alike.
            rows = by_view.setdefault(image.tobytes(), [])
            rows.append(LOGITS[int(view), place].astype("float16").tolist())
    labeled, seen, (logits,) = next(iter(batches(targets, images)))
    assert labeled == () and logits.dtype == tf.float32
    epochs = batches(str(tmp_path), images, epochs=4, cache=False)
    met = set()
    for _, seen, (logits,) in epochs:
        for image, row in zip(seen.numpy(), logits.numpy(), strict=True):
            assert row.tolist() in by_view[image.tobytes()]
            met.add(image.tobytes())
    assert met == set(by_view)


def test_labeled_images_have_targets(tmp_path):
    targets = written(tmp_path)
    labels = np.arange(10)
    labeled = data.open_source((IMAGES, labels))
    (x, y), u, (first, second) = next(
        iter(
            data.training_batches(
                labeled,
                IMAGES,
                targets=(targets, targets),
                augment="shift",
                views=2,
                batch_size=10,
                epochs=1,
                labeled_batch_size=7,
            )
        )
    )
    assert [len(part) for part in (x, u, first, second)] == [7, 10, 7, 10]
    rows = LOGITS[0].astype("float16")
    np.testing.assert_array_equal(first, rows[y.numpy()])
    np.testing.assert_array_equal(np.sort(second, 0), np.sort(rows, 0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"views": 0}, "view.views is 0, was 2"),
        ({"seed": 1}, "view.seed is 1, was 0"),
        ({"augment": None}, "view.augment is None, was 'shift'"),
        ({"images": IMAGES[:8]}, "num_images is 8, was 10"),
        ({"images": IMAGES[::-1]}, "10 of 10 images differ"),
        ({"value_range": (0, 2)}, "value_range"),
    ],
)
def test_batches_of_other_views_or_images_are_refused(
    tmp_path, options, message
):
    targets = written(tmp_path)
    with pytest.raises(ValueError, match=f"not match these batches.*{message}"):
        batches(targets, **options)


def test_unfinished_targets_are_refused(tmp_path):
    targets = written(tmp_path, [1])
    with pytest.raises(
        ValueError, match="not finished.*3 shards.*2 missing.*0, 2"
    ):
        batches(targets)


def test_a_dataset_that_reshuffles_has_no_targets(tmp_path):
    shuffled = tf.data.Dataset.from_tensor_slices(IMAGES).shuffle(10)
    source = data.open_source(shuffled, labeled=False)
    with pytest.raises(ValueError, match="another order"):
        data.describe_images(source)


def test_targets_are_of_all_images_or_of_none(tmp_path):
    targets = written(tmp_path)
    labeled = IMAGES, np.arange(10)
    for given in (targets, (targets, None), (None, targets)):
        with pytest.raises(ValueError, match="all images or for none"):
            data.training_batches(labeled, IMAGES, targets=given)
    with pytest.raises(ValueError, match="all images or for none"):
        batches((targets, targets))
