"""Checksums of images and fingerprints of views."""

import numpy as np
import tensorflow as tf

from tests.support import tiny
from tfdcu.data.fingerprint import checksums
from tfdcu.data.fingerprint import describe_views


def sums(images):
    return checksums(tf.constant(images)).numpy()


def described(augment, views=2, seed=0, shape=(8, 8, 1), low=0.0):
    return describe_views(augment, views, seed, shape, (low, 1.0))


def test_a_checksum_is_the_weighted_sum_of_the_bits_modulo_2_to_64():
    images = tiny.images(3, size=2)
    factors = np.random.default_rng(0).integers(-(2**62), 2**62, 4) * 2 + 1
    words = images.reshape(3, 4).view("int32").astype(object)
    expected = (words * factors.astype(object)).sum(1)
    wrapped = [(int(one) + 2**63) % 2**64 - 2**63 for one in expected]
    assert sums(images).tolist() == wrapped


def test_a_bit_or_the_position_of_a_pixel_changes_the_checksum():
    image = tiny.images(1)
    seen = {int(sums(image)[0])}
    for place in np.ndindex(8, 8):
        other = image.copy()
        other[0][place] = np.nextafter(other[0][place], np.float32(2))
        seen.add(int(sums(other)[0]))
    assert len(seen) == 65
    assert sums(image[:, ::-1])[0] not in seen
    assert len(set(sums(tiny.images(2000)).tolist())) == 2000


def test_a_checksum_does_not_depend_on_the_batch():
    images = tiny.images(10)
    np.testing.assert_array_equal(sums(images)[3:5], sums(images[3:5]))


def test_different_views_have_different_fingerprints():
    every = [
        described("shift"),
        described("flip_crop"),
        described("shift", views=3),
        described("shift", seed=1),
        described("shift", shape=(8, 8, 3)),
        described("shift", low=-1.0),
        described(lambda image, seed: image),
        described(lambda image, seed: image / 2),
        described(None),
    ]
    assert all(
        one != other for one in every for other in every if one is not other
    )
    assert described("shift") == described("shift")


def test_without_augmentation_there_is_one_view_of_no_seed():
    expected = {"augment": None, "views": 1}
    assert described(None, views=0, seed=4) == expected


def test_parts_of_an_augmentation_are_compared_in_order():
    one, other = described(("shift", "color")), described(("color", "shift"))
    assert one != other
    assert described(["shift", "color"]) == one


def test_the_digest_of_named_views_is_stable():
    """Targets that are stored stay good."""
    assert described("shift")["digest"] == "58a323a478404b7f"
    assert described("flip_crop")["digest"] == "57a2395ab26c6476"
