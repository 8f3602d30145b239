"""Laws of teacher targets: computed once, resumed, and read in training."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfdcu
from tests.support import tiny
from tests.support.tiny import Recorder
from tfdcu import data
from tfdcu import teacher_targets
from tfdcu.data.sources import source as source_lib

IMAGES = tiny.images(130, seed=2)
LABELED = tiny.images(12, seed=1), tiny.labels(12)


def targets(path, teacher=None, images=IMAGES, **options):
    options = {"batch_size": 16, "shard_size": 32} | options
    return teacher_targets(teacher or Recorder(), images, path, **options)


def files(path):
    return {f.name: f.read_bytes() for f in path.iterdir()}


def logits_of(made, images=IMAGES, view=0):
    ids = np.arange(len(images))
    return made.recall()(ids, 0 * ids + view, tf.constant(images)).numpy()


def test_logits_of_every_image_in_order(tmp_path):
    made = targets(tmp_path)
    expected = Recorder()(IMAGES).astype("float16")
    np.testing.assert_array_equal(logits_of(made), expected)
    assert (made.classes, made.views, made.num_shards) == (4, 1, 5)


@pytest.mark.parametrize("kind", ["arrays", "stream", "subset"])
@pytest.mark.parametrize("augment", ["flip_crop", "callable"])
def test_training_sees_bit_for_bit_what_the_teacher_saw(
    tmp_path, kind, augment
):
    if augment == "callable":

        def augment(image, seed):
            return image * tf.random.stateless_uniform((8, 1, 1), seed)

    images = IMAGES
    if kind == "stream":
        images = tf.data.Dataset.from_tensor_slices(IMAGES).batch(7)
    if kind == "subset":
        source = data.open_source((IMAGES, np.arange(130)))
        images = source.subset(np.arange(0, 130, 3))
    options = {"augment": augment, "views": 3, "seed": 5}
    teacher = Recorder()
    made = targets(tmp_path, teacher, images, **options)
    batches = data.training_batches(
        None, images, batch_size=10, targets=made, epochs=6, **options
    )
    met = set()
    for _, seen, (logits,) in batches:
        expected = Recorder()(seen).astype("float16")
        np.testing.assert_array_equal(logits, expected)
        met |= {image.tobytes() for image in seen.numpy()}
    # Some images are dropped from an epoch that does not fill its batches.
    assert met <= teacher.seen_images() and len(met) > 0.9 * made.num_images * 3


def test_the_teacher_is_run_on_full_batches_only(tmp_path):
    teacher = Recorder()
    targets(tmp_path, teacher, augment="shift", views=2)
    assert {len(part) for part in teacher.seen} == {16}
    few = Recorder()
    targets(tmp_path / "few", few, IMAGES[:5])
    assert {len(part) for part in few.seen} == {5}


def test_a_killed_run_resumes_after_its_last_finished_shard(tmp_path):
    whole = targets(tmp_path / "whole", augment="shift", views=2)
    with pytest.raises(KeyboardInterrupt):
        targets(tmp_path / "a", Recorder(11), augment="shift", views=2)
    teacher = Recorder()
    made = targets(tmp_path / "a", teacher, augment="shift", views=2)
    # 10 of 18 batches were done; 8 of them, two shards, are not done again.
    assert len(teacher.seen) == 1 + 18 - 8
    assert files(tmp_path / "a") == files(tmp_path / "whole")
    again = Recorder()
    targets(tmp_path / "a", again, augment="shift", views=2)
    assert len(again.seen) == 1 and made.mark == whole.mark


@pytest.mark.parametrize("stream", [False, True])
def test_shares_of_the_work_make_up_the_whole(tmp_path, stream):
    targets(tmp_path / "whole", batch_size=13)
    images = IMAGES
    if stream:
        images = tf.data.Dataset.from_tensor_slices(IMAGES)
    asked = []
    for index in (2, 0, 1):
        teacher = Recorder()
        made = targets(
            tmp_path / "shares",
            teacher,
            images,
            batch_size=13,
            shard=(index, 3),
        )
        asked.append(teacher.seen_images())
        if len(asked) == 2:
            with pytest.raises(ValueError, match="2 missing, numbers 1, 4"):
                data.training_batches(None, IMAGES, targets=made)
    assert sum(map(len, asked)) == len(set.union(*asked)) == 130
    assert files(tmp_path / "shares") == files(tmp_path / "whole")


def test_a_folder_is_created_and_renewed_without_computing_any(tmp_path):
    teacher = Recorder()
    begun = targets(tmp_path, teacher, shard=None)
    assert (len(teacher.seen), begun.missing()) == (1, [0, 1, 2, 3, 4])
    assert list(files(tmp_path)) == ["targets.json"]
    made = targets(tmp_path, shard=(1, 2))
    assert made.missing() == [0, 2, 4] and made.mark == begun.mark
    assert targets(tmp_path, shard=None).missing() == [0, 2, 4]
    renewed = targets(tmp_path, shard=None, renew=True)
    assert renewed.missing() == [0, 1, 2, 3, 4]


def test_another_teacher_or_other_images_are_refused_or_renewed(tmp_path):
    made = targets(tmp_path)
    before = files(tmp_path)

    def another(images):
        return Recorder()(images) + 1

    changed = IMAGES.copy()
    changed[77] += 0.001
    with pytest.raises(ValueError, match="teacher is 'function:"):
        targets(tmp_path, another)
    with pytest.raises(ValueError, match="of other images.*1 images differ"):
        targets(tmp_path, images=changed)
    with pytest.raises(ValueError, match="num_images is 129, was 130"):
        targets(tmp_path, images=IMAGES[:129])
    assert files(tmp_path) == before
    renewed = targets(tmp_path, another, changed, renew=True)
    expected = another(changed).astype("float16")
    np.testing.assert_array_equal(logits_of(renewed, changed), expected)
    assert renewed.mark != made.mark


def test_an_image_that_changed_stops_the_training_it_comes_to(tmp_path):
    """Also if it is not among the images verified before training."""
    made = targets(tmp_path)
    changed = IMAGES.copy()
    changed[1] += 0.001
    batches = data.training_batches(None, changed, targets=made, batch_size=130)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="differs from the one its targets"
    ):
        list(batches)


def test_mirrored_targets_are_means_over_images_and_mirror_images(tmp_path):
    made = targets(tmp_path / "made", mirror=True)
    expected = (Recorder()(IMAGES) + Recorder()(IMAGES[:, :, ::-1])) / 2
    np.testing.assert_array_equal(logits_of(made), expected.astype("float16"))
    # The mean does not know left from right.
    other = IMAGES[:, :, ::-1]
    flipped = targets(tmp_path / "other", images=other, mirror=True)
    np.testing.assert_array_equal(logits_of(flipped, other), logits_of(made))
    with pytest.raises(ValueError, match="another fingerprint.*mirror"):
        targets(tmp_path / "made")


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(
    "augment, views", [(None, 0), (None, 1), ("flip_crop", 2)]
)
def test_a_view_and_its_flip_have_the_same_targets(
    tmp_path, augment, views, mirror
):
    options = {"augment": augment, "views": views}
    # Images that are not augmented are their one view, whatever is said.
    views = max(1, views)
    made = targets(
        tmp_path,
        images=IMAGES[:10],
        mirror=mirror,
        augment=augment,
        views=views,
    )
    batches = data.training_batches(
        None,
        IMAGES[:10],
        batch_size=10,
        targets=made,
        epochs=3 * views,
        **options,
    )
    epochs = []
    for _, images, (logits,) in batches:
        order = np.lexsort(logits.numpy().T)
        epochs.append((images.numpy()[order], logits.numpy()[order]))
    first, second, third = (
        epochs[i * views : (i + 1) * views] for i in range(3)
    )
    for one, two, three in zip(first, second, third, strict=True):
        again = two[0][:, :, ::-1] if mirror else two[0]
        np.testing.assert_array_equal(one[0], again)
        np.testing.assert_array_equal(one[0], three[0])
        np.testing.assert_array_equal(one[1], two[1])


def test_top_k_of_all_is_all(tmp_path):
    every = targets(tmp_path / "all")
    four = targets(tmp_path / "four", top_k=4)
    assert files(every.path) == files(four.path)
    two = logits_of(targets(tmp_path / "two", top_k=2))
    expected = logits_of(every)
    np.testing.assert_array_equal(two.argmax(1), expected.argmax(1))
    largest = np.argsort(-expected, 1)[:, :2]
    np.testing.assert_array_equal(
        np.take_along_axis(two, largest, 1),
        np.take_along_axis(expected, largest, 1),
    )


@pytest.mark.parametrize("limit", [0, source_lib.MEMORY_LIMIT])
def test_the_student_of_stored_targets_is_that_of_the_live_teacher(
    tmp_path, monkeypatch, limit
):
    options = {"augment": "shift", "views": 2, "seed": 3}
    teacher = tiny.plain_net(width=24, seed=7)
    pool = data.open_source(IMAGES[:40], labeled=False)
    labeled = data.open_source(LABELED)
    stored = [
        teacher_targets(teacher, source, tmp_path / name, **options)
        for source, name in ((labeled, "labeled"), (pool, "pool"))
    ]
    monkeypatch.setattr(source_lib, "MEMORY_LIMIT", limit)

    def trained(teacher, targets):
        student = tiny.plain_net()
        keras.utils.set_random_seed(0)
        model = tfdcu.AlignedDistiller(student, teacher, freeze_batchnorm=False)
        model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
        batches = data.training_batches(
            labeled, pool, batch_size=8, targets=targets, epochs=3, **options
        )
        model.fit(batches, epochs=3, steps_per_epoch=5, verbose=0)
        return tiny.weights(student)

    live, received = trained(teacher, None), trained(None, stored)
    begun = tiny.weights(tiny.plain_net())
    # Half precision in the targets, a thousandth, leaves as little in weights.
    for path, value in live.items():
        way = np.abs(value - begun[path]).max()
        assert np.abs(received[path] - value).max() < 0.01 * way, path


def test_pixels_up_to_1_are_refused_where_integers_are_taken(tmp_path):
    inputs = keras.Input((8, 8, 1), dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    net = keras.Model(inputs, keras.layers.Dense(4)(x))
    with pytest.raises(ValueError, match=r"whole numbers.*=\(0, 255\).*uint8"):
        tfdcu.teacher_targets(net, tiny.images(8), tmp_path / "targets")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"views": 0}, "number of views"),
        ({"views": 2}, "views=2, augment=None"),
        ({"top_k": 5}, "top_k from 1 to 4.*top_k=5"),
        ({"top_k": 0}, "top_k=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"shard_size": 0}, "shard_size=0"),
        ({"shard": (2, 2)}, "value for `shard`"),
        ({"augment": "mixup"}, "Unknown augmentation"),
        ({"images": "pool"}, "Unknown source"),
        ({"teacher": lambda x: Recorder()(x) * np.nan}, "cannot be stored"),
        ({"teacher": 3}, "value for `teacher`"),
    ],
)
def test_invalid_arguments_are_refused(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        targets(tmp_path, **options)


def test_targets_share_a_folder_with_those_of_other_images_and_views(tmp_path):
    def made(images, **options):
        teacher = Recorder()
        found = targets(
            tmp_path, teacher, images, augment="shift", shared=True, **options
        )
        return found, len(teacher.seen) > 1

    others = tiny.images(130, seed=3)
    last = IMAGES.copy()
    last[65:] = others[65:130]
    first = made(IMAGES)[0]
    assert first.path.parent == tmp_path
    different = [
        made(others)[0],
        made(last)[0],
        made(IMAGES[:100])[0],
        made(IMAGES, views=2)[0],
        made(IMAGES, seed=1)[0],
    ]
    assert len({one.path for one in (first, *different)}) == 6
    again, asked = made(IMAGES)
    assert again.path == first.path and not asked


def test_reading_all_images_leaves_no_file_open(tmp_path):
    made = targets(tmp_path, shard_size=2)
    before = len(list(Path("/proc/self/fd").iterdir()))
    pixels = made.pixels(range(made.num_shards))
    assert len(pixels) == 130
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_images_come_first_and_then_their_mirror_images(tmp_path):
    images = IMAGES[:10]
    made = targets(tmp_path, images=images, mirror=True)
    batches = data.training_batches(
        None, images, batch_size=10, targets=made, epochs=2
    )
    for (_, seen, _), expected in zip(
        batches, (images, images[:, :, ::-1]), strict=True
    ):
        assert {image.tobytes() for image in seen.numpy()} == {
            image.tobytes() for image in expected
        }
