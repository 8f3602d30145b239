"""The targets of a run: made as its config says, for its batches."""

import numpy as np
import pytest

from tests.support import tiny
from tests.support.tiny import Recorder
from tfdcu import data
from tfdcu.graph.answers import Answer
from tfdcu.stages.targets import check_targets
from tfdcu.stages.targets import make_targets
from tfdcu.stages.targets import view_counts

IMAGES = tiny.images(130, seed=2)
LABELED = tiny.images(12, seed=1), tiny.labels(12)


def splits_of(few):
    """The pool, and few labeled images or none."""
    return data.Splits(
        labeled=few and data.open_source(few),
        unlabeled=data.open_source(IMAGES, labeled=False),
    )


@pytest.mark.parametrize("augment", [None, "shift"])
@pytest.mark.parametrize("few", [LABELED, None])
def test_a_run_stores_the_views_that_training_uses(tmp_path, augment, few):
    splits = splits_of(few)
    batches = {"augment": augment}
    config = {"batches": batches, "targets": {"views": 4}, "seed": 0}
    labeled, pool = make_targets(
        Recorder(), splits, tmp_path, config, **config["targets"]
    )
    # Without augmentation all views of an image are the same.
    views = 4 if augment else 1
    assert view_counts(config) == {"views": views, "labeled_views": views}
    assert pool.views == views and (not few or labeled.views == views)
    batches = data.training_batches(
        splits.labeled,
        splits.unlabeled,
        targets=(labeled, pool) if few else pool,
        epochs=1,
        **view_counts(config),
        **batches,
    )
    _, seen, logits = next(iter(batches))
    expected = Recorder()(seen).astype("float16")
    np.testing.assert_array_equal(logits[-1], expected)
    check_targets(config, Answer("classes", (4,)))


def test_labeled_images_may_have_views_of_their_own_number(tmp_path):
    splits = splits_of(LABELED)
    config = {
        "batches": {"augment": "shift"},
        "targets": {"views": 2, "labeled_views": 7},
        "seed": 0,
    }
    check_targets(config, Answer("classes", (4,)))
    stored = make_targets(
        Recorder(), splits, tmp_path, config, **config["targets"]
    )
    assert [one.views for one in stored] == [7, 2]
    batches = data.training_batches(
        splits.labeled,
        splits.unlabeled,
        batch_size=12,
        targets=stored,
        augment="shift",
        epochs=1,
        **view_counts(config),
    )
    for (few, _), pool, logits in batches:
        for images, received in zip((few, pool), logits, strict=True):
            expected = Recorder()(images).astype("float16")
            np.testing.assert_array_equal(received, expected)


def test_runs_that_share_a_folder_run_the_teacher_once(tmp_path):
    splits = splits_of(LABELED)
    config = {
        "batches": {"augment": "shift"},
        "targets": {"views": 2, "shared": tmp_path / "shared"},
        "seed": 0,
    }

    def asked(number, splits):
        teacher = Recorder()
        stored = make_targets(
            teacher, splits, tmp_path / number, config, **config["targets"]
        )
        return len(teacher.seen_images()), stored[1].path

    first, path = asked("1", splits)
    assert first > 130
    # Without labels the pool is the same, and nothing is left to ask.
    assert asked("2", splits_of(None)) == (0, path)
    assert not (tmp_path / "1").exists()


def test_a_run_stores_mirrored_targets_of_both_sets(tmp_path):
    splits = splits_of(LABELED)
    config = {"batches": {}, "targets": {"views": 1, "mirror": True}, "seed": 0}
    check_targets(config, Answer("classes", (4,)))
    stored = make_targets(
        Recorder(), splits, tmp_path, config, **config["targets"]
    )
    batches = data.training_batches(
        splits.labeled,
        splits.unlabeled,
        targets=stored,
        epochs=1,
        **view_counts(config),
    )
    for (few, _), pool, logits in batches:
        for images, received in zip((few, pool), logits, strict=True):
            mirror_images = images[:, :, ::-1]
            mean = (Recorder()(images) + Recorder()(mirror_images)) / 2
            np.testing.assert_array_equal(received, mean.astype("float16"))


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({"labeled_views": 3}, "no views to store.*labeled_views=3"),
        ({"mirror": True}, "no views to store.*mirror=True"),
        ({"views": 2, "labeled_views": 0}, "number of views.*views=0"),
    ],
)
def test_invalid_numbers_of_views_are_refused(targets, message):
    config = {"batches": {"augment": "shift"}, "targets": targets}
    with pytest.raises(ValueError, match=message):
        check_targets(config, Answer("classes", (4,)))
