"""Partners of mixed images, and fingerprints of mixes."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support import tiny
from tfdcu import data
from tfdcu.data.augment.augment import resolve
from tfdcu.data.augment.augment import stream
from tfdcu.data.augment.augment import view_seeds
from tfdcu.data.augment.mix import MIXES
from tfdcu.data.augment.stateless_random import uniform
from tfdcu.data.fingerprint import describe_mix
from tfdcu.data.sources import source as source_lib

IMAGES = tiny.images(60)
PARTNERS = tiny.images(7, seed=1)


def pool(images=IMAGES, **options):
    return data.open_source(images, labeled=False, **options)


def mixes(mix, ids=range(60), number=0, seed=0, augment=None):
    ids = np.array(ids, "int64")
    seeds = view_seeds(tf.constant(ids), tf.constant(0 * ids + number), seed)
    view = resolve(augment)
    images = tf.constant(IMAGES[ids])
    images = images if view is None else view(images, seeds)
    return mix(view, images, seeds).numpy()


def opened(name="mixup", share=1.0, partners=PARTNERS):
    return data.open_mix(name, share, pool(), pool(partners))


@pytest.mark.parametrize("name", MIXES)
@pytest.mark.parametrize("augment", [None, "shift", ("flip_crop", "color")])
def test_mix_of_views_by_hand(name, augment):
    ids = tf.range(60, dtype=tf.int64)
    seeds = view_seeds(ids, 0 * ids + 3, 5)
    draws = uniform(stream(seeds, -1), 6).numpy()
    places = (draws[:, 1] * 7).astype(int)
    images, partners = tf.constant(IMAGES), tf.constant(PARTNERS[places])
    if augment is not None:
        images = resolve(augment)(images, seeds)
        partners = resolve(augment)(partners, stream(seeds, -2))
    expected = MIXES[name](images, partners, tf.constant(draws[:, 2:]))
    received = mixes(opened(name), number=3, seed=5, augment=augment)
    np.testing.assert_array_equal(received, expected)
    assert set(places) == set(range(7))


@pytest.mark.parametrize("name", MIXES)
def test_pure_function_of_id_number_and_seed(name):
    mix = opened(name)
    first = mixes(mix)
    order = [40, 3, 59, 3, 17]
    np.testing.assert_array_equal(mixes(mix, order), first[order])
    assert not np.array_equal(mixes(mix, number=1), first)
    assert not np.array_equal(mixes(mix, seed=1), first)


def test_only_a_share_is_mixed():
    images = np.zeros((60, 8, 8, 1), "float32")
    seen = []
    for share in (0.25, 0.5, 1.0):
        mix = data.open_mix("mixup", share, pool(), pool(images + 1))
        mixed = [
            (mixes(mix, number=number) != IMAGES).any((1, 2, 3))
            for number in range(20)
        ]
        seen.append(np.mean(mixed))
    # Of 1200 images, within 4 standard deviations.
    np.testing.assert_allclose(seen, [0.25, 0.5, 1.0], atol=0.06)


def test_images_are_their_own_partners_by_default():
    alone = data.open_mix("mixup", 1.0, pool())
    same = data.open_mix("mixup", 1.0, pool(), pool())
    np.testing.assert_array_equal(mixes(alone), mixes(same))
    assert describe_mix(alone) != describe_mix(same)


def test_labels_of_partners_are_dropped():
    labeled = data.open_source((PARTNERS, np.arange(7)))
    mix = data.open_mix("cutmix", 1.0, pool(), labeled)
    np.testing.assert_array_equal(mixes(mix), mixes(opened("cutmix")))


def test_a_stream_is_kept_in_memory_if_it_fits(monkeypatch):
    dataset = tf.data.Dataset.from_tensor_slices(PARTNERS)
    expected = mixes(opened())
    np.testing.assert_array_equal(mixes(opened(partners=dataset)), expected)
    stream = pool(dataset)
    monkeypatch.setattr(source_lib.Source, "fits_in_memory", lambda self: False)
    kept = data.open_mix("mixup", 1.0, pool(), stream)
    np.testing.assert_array_equal(mixes(kept), expected)
    monkeypatch.setattr(source_lib, "MEMORY_LIMIT", 100)
    with pytest.raises(
        ValueError, match="too large to be kept.*Expected.*mix=None.*of 7 "
    ):
        data.open_mix("mixup", 1.0, pool(), stream)
    at_hand = stream.with_records_in_memory()
    kept = data.open_mix("mixup", 1.0, pool(), at_hand)
    np.testing.assert_array_equal(mixes(kept), expected)


def test_different_mixes_have_different_fingerprints():
    changed = PARTNERS.copy()
    changed[6, 3, 3] += 1e-3
    every = [
        opened(),
        opened("cutmix"),
        opened(share=0.5),
        opened(partners=changed),
        opened(partners=PARTNERS[:6]),
        data.open_mix("mixup", 1.0, pool()),
    ]
    described = [describe_mix(mix) for mix in every]
    assert all(described.count(one) == 1 for one in described)
    assert describe_mix(opened()) == described[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "cutout"}, "Unknown mix.*'cutmix', 'mixup'.*'cutout'"),
        ({"name": ("mixup",)}, "Unknown mix"),
        ({"name": None, "share": 0}, "above 0 and at most 1.*mix_share=0"),
        ({"share": 1.5}, "mix_share=1.5"),
        ({"partners": PARTNERS[:, :4]}, "same image_shape.*(4, 8, 1)"),
    ],
)
def test_invalid_mixes_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        opened(**options)


def test_partners_of_another_range_are_refused():
    other = pool(PARTNERS, value_range=(-1, 1))
    with pytest.raises(ValueError, match="same value_range"):
        data.open_mix("mixup", 0.5, pool(), other)
    assert data.open_mix(None, 0.5, pool(), other) is None
