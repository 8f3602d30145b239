"""A model exported in every format, for all export tests."""

import pytest

from tests.support import tiny
from tfdcu.export import export_all

CLASSES = ("ant", "bee", "cat", "dog")


@pytest.fixture(scope="session")
def model():
    return tiny.residual_net()


@pytest.fixture(scope="session")
def images():
    return tiny.images(100, channels=3, seed=1)


@pytest.fixture(scope="session")
def paths(model, images, tmp_path_factory):
    """Format -> path of a checked artifact of `model`."""
    folder = tmp_path_factory.mktemp("artifacts")
    return export_all(model, folder, calibration=images, classes=CLASSES)
