import numpy as np
import pytest

from tests.support import tiny
from tfdcu import data


def test_valid_shapes_types_and_labels():
    images = np.arange(32, dtype="uint8").reshape(2, 4, 4)
    source = data.open_source((images, np.array([[0], [1]])))
    assert source.image_shape == (4, 4, 1)
    np.testing.assert_allclose(
        data.images_of(source)[..., 0], images / 255, rtol=1e-6
    )
    big_endian = data.open_source(images.astype(">u2") * 257, labeled=False)
    np.testing.assert_allclose(
        data.images_of(big_endian)[..., 0], images / 255, rtol=1e-6
    )


def test_the_arrays_are_not_changed():
    images, labels = tiny.images(), tiny.labels()
    data.images_of(data.open_source((images, labels), image_shape=(4, 4, 3)))
    np.testing.assert_array_equal(images, tiny.images())
    np.testing.assert_array_equal(labels, tiny.labels())


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(3), "do not fit"),
        (np.eye(16), "argmax of one-hot"),
        (["a"] * 16, "do not fit"),
        (np.full(16, 0.5), "whole numbers"),
        (np.full(16, np.nan), "whole numbers"),
        (np.full(16, -1), "out of range.*-1"),
        (np.full(16, 4), "from 0 to 3 for 4 classes.*16 other labels.*4"),
    ],
)
def test_invalid_labels(labels, message):
    with pytest.raises(ValueError, match=message):
        data.open_source((tiny.images(), labels), classes=list("abcd"))


def test_invalid_images():
    with pytest.raises(ValueError, match=r"Invalid shape.*\(3, 4\)"):
        data.open_source(np.zeros((3, 4)), labeled=False)
    with pytest.raises(ValueError, match="empty"):
        data.open_source(np.zeros((0, 4, 4, 1)), labeled=False)
    with pytest.raises(ValueError, match="NaN"):
        data.open_source(np.full((1, 4, 4, 1), np.nan), labeled=False)
    with pytest.raises(ValueError, match="out of range"):
        data.open_source(np.full((1, 4, 4, 1), 255.0), labeled=False)
