import io

import numpy as np
import pytest
from PIL import Image

from tests.report.test_figures import drawn
from tests.support import tiny
from tfdcu.report import samples as module
from tfdcu.report import samples_figure


def shown(samples, classes=()):
    """Titles and images of the panels that show one, in order."""

    def draw(new_figure, samples):
        bands = [
            (title, module._pictures(title, images), labels)
            for title, (images, labels) in samples.items()
        ]
        return module._draw(new_figure, bands, classes)

    axes = [axes for axes in drawn(draw, samples).axes if axes.images]
    titles = [a.get_title() for a in axes]
    return titles, [a.images[0].get_array() for a in axes]


def test_images_are_shown_in_order_under_their_class():
    images = tiny.images(3, channels=3)
    titles, arrays = shown(
        {"labeled": (images, [1, 0, 7])}, ["zero", "a very long class"]
    )
    assert titles == ["a very lon…", "zero", "7"]
    np.testing.assert_allclose(arrays, images)


def test_another_range_is_stretched():
    images = np.array([0, 255], "uint8").reshape(1, 2, 1, 1)
    stretched = module._pictures("pool", images)
    np.testing.assert_allclose(stretched.ravel(), [0, 1])
    constant = np.full((1, 2, 1, 1), 7.0)
    np.testing.assert_allclose(module._pictures("pool", constant), 0)


def test_at_most_24_a_kind():
    small = samples_figure({"pool": tiny.images(24)})
    assert small == samples_figure({"pool": tiny.images(99)[:24]})
    sizes = [
        Image.open(io.BytesIO(samples_figure({"pool": tiny.images(n)}))).size
        for n in (24, 99)
    ]
    assert sizes[0] == sizes[1]


def test_no_figure_without_images():
    assert samples_figure({}) is None
    assert samples_figure({"pool": np.zeros((0, 8, 8, 1))}) is None


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="'pool' cannot be shown. Expected"):
        samples_figure({"pool": np.zeros((4, 8, 8))})
