import numpy as np
import pytest

from tfdcu import data
from tfdcu.data.sources import printed


def test_the_pool_has_the_format_of_the_scans_and_contains_none():
    pool = data.open_source("printed:300", labeled=False)
    assert pool.num_images == 300 and pool.image_shape == (8, 8, 1)
    images = data.images_of(pool)
    assert images.min() == 0 and 0.9 < images.max() <= 1
    # Every one shows something.
    assert images.max((1, 2, 3)).min() > 0.3
    scans = data.images_of(data.open_source("digits", split="all"))
    known = {scan.tobytes() for scan in scans}
    assert not any(image.tobytes() in known for image in images)


def test_default_number():
    assert data.open_source("printed", labeled=False).num_images == 6000


def test_pure_function_of_the_seed():
    first = printed.draw_characters(20, seed=3)
    np.testing.assert_array_equal(first, printed.draw_characters(20, seed=3))
    assert not np.array_equal(first, printed.draw_characters(20, seed=4))
    # A smaller pool is the beginning of a larger one.
    np.testing.assert_array_equal(first[:5], printed.draw_characters(5, seed=3))


def test_nearly_all_characters_differ():
    images = printed.draw_characters(500)
    assert len(np.unique(images, axis=0)) >= 495


def test_errors():
    with pytest.raises(ValueError, match="no labels"):
        data.open_source("printed")
    for name in ("printed:0", "printed:many", "printed:-3"):
        with pytest.raises(ValueError, match="Invalid number"):
            data.open_source(name, labeled=False)
