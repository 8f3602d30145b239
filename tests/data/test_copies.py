"""Copies are found by content, whatever the source."""

import os

import numpy as np
import pytest
from PIL import Image

from tests.support import files
from tfdcu import data
from tfdcu.data.copies import all_looks
from tfdcu.data.copies import find_copies

OPTIONS = {"num_classes": 4, "image_shape": (8, 8, 3), "pool_validation": 0}


def photos(num=12, seed=0, size=8):
    """Random uint8 images."""
    images = np.random.default_rng(seed).integers(0, 256, (num, size, size, 3))
    return images.astype("uint8")


def folder(root, images):
    """PNG files of images, each in the folder of its class."""
    for index, image in enumerate(images):
        path = root / str(index % 4) / f"{index:03}.png"
        files.write(path, files.encoded(image, "PNG"))
    return f"folder:{root}"


def labeled(images):
    return images, np.arange(len(images)) % 4


def test_copies_in_any_source_are_refused_among_labels(tmp_path):
    images = photos()
    np.savez(tmp_path / "same.npz", images=images, labels=labeled(images)[1])
    source = folder(tmp_path / "first", images)
    (tmp_path / "linked").mkdir()
    for path in sorted((tmp_path / "first").rglob("*.png")):
        link = tmp_path / "linked" / path.parent.name / path.name
        link.parent.mkdir(exist_ok=True)
        os.link(path, link)
    for test in (
        f"npz:{tmp_path}/same.npz",
        labeled(images[8:].copy()),
        f"folder:{tmp_path}/linked",
    ):
        with pytest.raises(ValueError, match="labeled images are test images"):
            data.prepare(source, photos(seed=1), test=test, **OPTIONS)


def test_copies_in_the_pool_are_left_out_and_counted():
    test, few, others = photos(), photos(seed=1), photos(9, seed=2)
    pool = np.concatenate([others[:4], test[:3], few[:2], others[4:]])
    splits = data.prepare(labeled(few), pool, test=labeled(test), **OPTIONS)
    kept = np.concatenate([others[:4], few[:2], others[4:]])
    np.testing.assert_allclose(
        data.images_of(splits.unlabeled), kept / 255, atol=1e-6
    )
    left, harmless = splits.copies
    assert left == "3 images of the pool are test images, and are left out."
    assert harmless.startswith("2 images of the pool are labeled images too")
    with pytest.raises(ValueError, match="holds no others"):
        data.prepare(None, test.copy(), test=labeled(test), **OPTIONS)


def test_a_few_copies_in_a_large_set_are_left_out():
    few, test = photos(200), photos(8, seed=1)
    few[150] = test[3]
    splits = data.prepare(
        labeled(few), photos(seed=2), test=labeled(test), **OPTIONS
    )
    assert splits.labeled.num_images == 199
    assert "1 labeled images are test images too" in splits.copies[0]


def test_resized_and_reencoded_images_look_the_same(tmp_path):
    """Other images do not, and an image of one color is like none."""
    shapes = [Image.fromarray(one).resize((96, 96)) for one in photos(6)]
    for index, image in enumerate(shapes):
        half = image.resize((48, 48))
        for name, kind, one in (("a", "PNG", image), ("b", "JPEG", half)):
            path = tmp_path / name / f"{index}.{kind.lower()}"
            files.write(path, files.encoded(one, kind))
    whole, small = (
        all_looks(
            data.open_source(
                f"folder:{tmp_path}/{name}",
                labeled=False,
                image_shape=(64, 64, 3),
            )
        )
        for name in "ab"
    )
    exact, near = find_copies(small, whole)
    assert near.all() and not exact.any()
    for others in (photos(6, seed=1), np.zeros((6, 8, 8, 3), "uint8")):
        others = [
            np.asarray(Image.fromarray(o).resize((64, 64))) for o in others
        ]
        looks = all_looks(data.open_source(np.stack(others), labeled=False))
        assert not any(mask.any() for mask in find_copies(looks, whole))
