import numpy as np
import pytest
import tensorflow as tf

from tests.support import files
from tests.support import tiny
from tfdcu import data


def test_unknown_sources_list_the_known_ones():
    with pytest.raises(ValueError, match="'digits', 'folder', 'npz', 'prin"):
        data.open_source("mnist")
    with pytest.raises(ValueError, match="not labeled images.*ndarray"):
        data.open_source(tiny.images())
    with pytest.raises(ValueError, match="not images.*NoneType"):
        data.open_source(None, labeled=False)


def test_a_source_is_returned_unchanged():
    source = data.open_source("digits")
    assert data.open_source(source) is source
    assert data.open_source(source, image_shape=[8, 8, 1]) is source
    assert not data.open_source(source, labeled=False).labeled
    with pytest.raises(ValueError, match=r"another size.*\(9, 8, 1\)"):
        data.open_source(source, image_shape=(9, 8, 1))
    with pytest.raises(ValueError, match="has no labels"):
        data.open_source(source.without_labels())


def test_labels_follow_the_teachers_order_of_classes(tmp_path):
    files.class_folder(tmp_path, ("ant", "bee", "cat"), num=2)
    options = {"image_shape": (8, 8, 3)}
    plain = data.open_source(f"folder:{tmp_path}", **options)
    order = ("cat", "ant", "bee")
    source = data.open_source(f"folder:{tmp_path}", classes=order, **options)
    assert source.classes == order
    names = [plain.classes[label] for label in plain.labels()]
    assert [order[label] for label in source.labels()] == names
    assert [int(label) for _, label in source.dataset] == [1, 1, 2, 2, 0, 0]


def test_different_classes_are_named(tmp_path):
    files.class_folder(tmp_path, ("ant", "bee"), num=1)
    with pytest.raises(ValueError, match=r"some of.*unknown \['bee'\]"):
        data.open_source(
            f"folder:{tmp_path}",
            classes=("ant", "cow"),
            image_shape=(8, 8, 3),
        )


def test_arrays_get_the_teachers_class_names():
    arrays = (tiny.images(), tiny.labels())
    assert data.open_source(arrays, classes=list("abcd")).classes == tuple(
        "abcd"
    )


@pytest.mark.parametrize("shape", [(8, 8), (0, 8, 1), (8, 8, 1, 1)])
def test_invalid_image_shapes(shape):
    with pytest.raises(ValueError, match="value for `image_shape`"):
        data.open_source("digits", image_shape=shape)


def test_invalid_value_ranges():
    with pytest.raises(ValueError, match="low < high"):
        data.open_source("digits", value_range=(1, 0))


def test_two_images_are_not_a_pair_of_images_and_labels():
    source = data.open_source(np.zeros((2, 4, 4, 1)), labeled=False)
    assert source.num_images == 2


@pytest.mark.parametrize("source", ["printed", "arrays", "dataset", "source"])
def test_split_of_a_source_without_splits_is_refused(source):
    live = {
        "arrays": tiny.images(),
        "dataset": tf.data.Dataset.from_tensor_slices(tiny.images()),
        "source": data.open_source("digits"),
    }
    with pytest.raises(ValueError, match="no splits of.*Received: split='tes"):
        data.open_source(live.get(source, source), split="test", labeled=False)


def test_split_of_a_folder_is_refused(tmp_path):
    files.class_folder(tmp_path / "test", ("ant", "bee"), num=1)
    options = {"image_shape": (8, 8, 3)}
    with pytest.raises(ValueError, match="'folder:photos/test'"):
        data.open_source(f"folder:{tmp_path}", split="test", **options)
    assert data.open_source(f"folder:{tmp_path}/test", **options).num_images


def test_an_empty_split_is_the_default(tmp_path):
    files.class_folder(tmp_path, ("ant", "bee"), num=1)
    options = {"image_shape": (8, 8, 3)}
    assert data.open_source(f"folder:{tmp_path}", split="", **options).labeled
    assert data.open_source("digits", split="").num_images == 1297


def test_class_names_as_a_string_are_refused():
    with pytest.raises(ValueError, match="list of names.*'cat,dog'"):
        data.open_source("digits", classes="cat,dog")


def test_a_path_alone_is_a_source(tmp_path, monkeypatch):
    files.class_folder(tmp_path / "photos", ("ant", "bee"), num=2)
    np.savez(tmp_path / "few.npz", x=tiny.images(4), y=tiny.labels(4))
    monkeypatch.chdir(tmp_path)
    options = {"image_shape": (8, 8, 3)}
    named = data.open_source("folder:photos", **options)
    for path in ("photos", tmp_path / "photos"):
        source = data.open_source(path, **options)
        assert source.classes == ("ant", "bee")
        np.testing.assert_array_equal(
            data.images_of(source), data.images_of(named)
        )
    assert data.open_source("few.npz").num_images == 4
    assert data.open_source(tmp_path / "few.npz").num_images == 4
    # The name of a source goes before a folder of that name.
    (tmp_path / "digits").mkdir()
    assert data.open_source("digits").image_shape == (8, 8, 1)
    for path in ("nothing", "few.csv", tmp_path / "none.npz"):
        with pytest.raises(ValueError, match="a folder or an .npz file that"):
            data.open_source(path)
