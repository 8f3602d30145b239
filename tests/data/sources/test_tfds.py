from pathlib import Path

import numpy as np
import pytest

from tests.support import files
from tfdcu import data
from tfdcu.data.sources import source as source_lib

SHARED = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A directory with the data set `ramps`: 12 images, train and test."""
    import tensorflow_datasets as tfds

    directory = tmp_path_factory.mktemp("tfds")
    images = np.stack([files.ramp(6, 8) // 2 + index for index in range(12)])
    features = {
        "image": tfds.features.Image(shape=(6, 8, 3), encoding_format="png"),
        "label": tfds.features.ClassLabel(names=["ant", "bee", "cat"]),
        "id": tfds.features.Scalar(np.int64),
    }
    (directory / "ramps" / "1.0.0").mkdir(parents=True)
    info = tfds.core.DatasetInfo(
        builder=tfds.core.DatasetIdentity(
            name="ramps",
            version=tfds.core.Version("1.0.0"),
            data_dir=str(directory / "ramps" / "1.0.0"),
            module_name="nowhere",
        ),
        features=tfds.features.FeaturesDict(features),
    )
    writer = tfds.core.SequentialWriter(info, 100, overwrite=False)
    writer.initialize_splits(["train", "test"])
    for index, image in enumerate(images):
        example = {"image": image, "label": index % 3, "id": index}
        writer.add_examples({"train" if index < 9 else "test": [example]})
    writer.close_all()
    return directory, images


def test_a_prepared_data_set_is_read_without_its_code(prepared):
    directory, images = prepared
    source = data.open_source("tfds:ramps", data_dir=directory)
    assert source.classes == ("ant", "bee", "cat")
    order = np.argsort(data.images_of(source)[:, 0, 0, 0])
    np.testing.assert_allclose(
        data.images_of(source)[order], images[:9] / 255, rtol=1e-6
    )
    np.testing.assert_array_equal(source.labels()[order], np.arange(9) % 3)


def test_spans_of_splits(prepared):
    directory, _ = prepared

    def spans(split):
        source = data.open_source(
            "tfds:ramps", split=split, labeled=False, data_dir=directory
        )
        return [(place[-5:], *rest) for place, *rest in source.spans]

    assert spans(None) == [("train", 0, 9)]
    assert spans("train[2:5]") == [("train", 2, 5)]
    assert spans("test") == [(":test", 0, 3)]


def test_a_large_one_is_streamed_with_the_same_result(prepared, monkeypatch):
    options = {"data_dir": prepared[0], "image_shape": (4, 4, 1)}
    small = data.open_source("tfds:ramps", **options)
    monkeypatch.setattr(source_lib, "MEMORY_LIMIT", 0)
    large = data.open_source("tfds:ramps", **options)
    assert small.lookup is not None and large.lookup is None
    np.testing.assert_array_equal(data.images_of(large), data.images_of(small))
    np.testing.assert_array_equal(large.labels(), small.labels())


def test_errors(prepared):
    directory, _ = prepared
    with pytest.raises(ValueError, match="no such data set.*tfds:nowhere"):
        data.open_source("tfds:nowhere", data_dir=directory)
    for split in ("valid", "train[", "train[:0]"):
        with pytest.raises(ValueError, match="Unknown split|is empty"):
            data.open_source("tfds:ramps", split=split, data_dir=directory)


@pytest.mark.slow
def test_the_shared_data_sets():
    if not SHARED.is_dir():
        pytest.skip(f"the prepared data sets are not at {SHARED}")
    source = data.open_source("tfds:cifar10", split="test", data_dir=SHARED)
    assert source.num_images == 10_000 and source.classes[3] == "cat"
    np.testing.assert_array_equal(np.bincount(source.labels()), [1000] * 10)
    pool = data.open_source(
        "tfds:tiny_imagenet32", labeled=False, data_dir=SHARED
    )
    assert pool.num_images == 50_000 and pool.image_shape == (32, 32, 3)
    with pytest.raises(ValueError, match="no single label feature"):
        data.open_source("tfds:tiny_imagenet32", data_dir=SHARED)
