"""Laws of writing targets: every view once, in constant memory."""

import numpy as np
import pytest
import tensorflow as tf

from tests.data.test_targets import IMAGES
from tests.data.test_targets import fingerprint
from tests.data.test_targets import pool
from tests.data.test_targets import written
from tests.support import tiny
from tfdcu import data
from tfdcu.data.sources import source
from tfdcu.data.targets import claim
from tfdcu.pool.write_targets import Collector
from tfdcu.pool.write_targets import changed_images
from tfdcu.pool.write_targets import view_batches


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wanted", [range(10), [4, 5, 6, 7]])
def test_each_view_of_each_wanted_image_comes_once(stream, wanted):
    images = tf.data.Dataset.from_tensor_slices(IMAGES) if stream else IMAGES
    source = data.open_source(images, labeled=False)
    ids = np.array(wanted, "int64")
    met = []
    for places, view, _, seen in view_batches(source, ids, 4, "shift", 3):
        assert len(places) == len(seen)
        met += [(int(place), int(view)) for place in places]
    assert sorted(met) == [(i, v) for i in wanted for v in range(3)]


def test_shards_are_written_when_full_and_freed(tmp_path):
    targets = claim(tmp_path, fingerprint(pool(), views=1))
    collector = Collector(targets)
    left = []
    for start in range(0, 10, 3):
        ids = np.arange(start, min(start + 3, 10))
        collector.add(ids, 0, ids, np.zeros((len(ids), 4)))
        left.append((targets.missing(), sorted(collector.open)))
    assert left == [
        ([0, 1, 2], [0]),
        ([1, 2], [1]),
        ([2], [2]),
        ([], []),
    ]
    assert targets.pixels(range(3)).tolist() == list(range(10))


def test_changed_images_are_counted_in_the_given_shards(tmp_path, monkeypatch):
    targets = written(tmp_path)
    images = IMAGES.copy()
    images[[1, 8, 9]] = tiny.images(3, seed=5)
    assert changed_images(targets, pool(), [0, 1, 2]) == 0
    assert changed_images(targets, pool(images), [0, 1, 2]) == 3
    # In more than one batch.
    monkeypatch.setattr(source, "AT_ONCE", 2 * IMAGES[0].nbytes)
    assert changed_images(targets, pool(images), [1, 2]) == 2
