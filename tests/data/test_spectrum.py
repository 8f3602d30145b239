"""Laws of the filter that makes a pool as sharp as other images."""

import numpy as np
import pytest

from tests import tiny
from tests.data import files
from tfdcu import data
from tfdcu.data.spectrum import amplitudes
from tfdcu.data.spectrum import match_spectrum
from tfdcu.data.spectrum import rings

SHAPE = 16, 12, 3
RING = rings(*SHAPE[:2])
# Away from black and white, where nothing is cut off.
SHARP = 0.5 + 0.1 * np.random.default_rng(0).standard_normal((40, *SHAPE))
SOFT = sum(np.roll(SHARP[::-1], by, axis) for by in (0, 1) for axis in (1, 2))
SOFT = 0.5 + (SOFT / 4 - 0.5) * 1.2


def source(images):
    return data.open_source(images.astype("float32"), labeled=False)


def matched(pool, like):
    return data.images_of(match_spectrum(source(pool), source(like)))


def test_rings_count_the_waves_over_the_longer_side():
    assert RING[0, 0] == 0 and (RING > 0).sum() == RING.size - 1
    assert RING[0, 1] == RING[0, -1] == round(16 / 12)
    assert list(RING[:9, 0]) == list(range(9))


def test_amplitudes_are_those_of_waves():
    rows = np.arange(16)[:, None, None]
    wave = 0.5 + 0.25 * np.cos(2 * np.pi * 3 * rows / 16) * np.ones(SHAPE)
    found = amplitudes(wave[None], RING)
    assert found[0] == pytest.approx(0.5 * 16 * 12)
    # Two of the frequencies in its ring are the wave's own.
    expected = 0.125 * 16 * 12 * np.sqrt(2 / (RING == 3).sum())
    assert found[3] == pytest.approx(expected)
    assert np.delete(found, [0, 3]).max() < 1e-9


@pytest.mark.parametrize("pool, like", [(SHARP, SOFT), (SOFT, SHARP)])
def test_the_pool_gets_the_amplitudes_of_the_others(pool, like):
    before, wanted = amplitudes(pool, RING), amplitudes(like, RING)
    weak = wanted[1:] < 2.9 * before[1:]
    found = amplitudes(matched(pool, like), RING)
    np.testing.assert_allclose(found[1:][weak], wanted[1:][weak], rtol=0.05)
    assert abs(before / wanted - 1)[1:].max() > 0.5
    # What would have to become more than three times as strong is noise.
    ratio = found[1:][~weak] / before[1:][~weak]
    np.testing.assert_allclose(ratio, 3, rtol=0.05)


def test_brightness_and_colour_stay():
    np.testing.assert_allclose(
        matched(SHARP, SOFT).mean((1, 2)), SHARP.mean((1, 2)), atol=2e-3
    )


def test_images_that_match_stay_as_they_are():
    levels = np.rint(255 * SHARP) / 255
    np.testing.assert_allclose(matched(levels, levels), levels, atol=1e-6)


def test_flat_pools_stay_flat():
    flat = np.full((4, *SHAPE), 0.2)
    np.testing.assert_allclose(matched(flat, SHARP), flat, atol=1e-6)


def test_files_are_filtered_one_by_one_to_the_bits_of_a_batch(tmp_path):
    for number, image in enumerate(SHARP[:5]):
        png = files.encoded(np.uint8(255 * image), "png")
        files.write(tmp_path / f"{number}.png", png)
    pool = data.open_source(
        f"folder:{tmp_path}", labeled=False, image_shape=SHAPE
    )
    found = match_spectrum(pool, source(SOFT))
    alone = np.stack(list(found.dataset.as_numpy_iterator()))
    np.testing.assert_array_equal(alone, data.images_of(found))
    np.testing.assert_array_equal(alone, data.images_of(found.in_memory()))


def test_all_of_the_pool_matches_and_nothing_else():
    few = (SOFT.astype("float32"), np.arange(40) % 4)
    options = {"num_classes": 4, "image_shape": SHAPE, "pool_validation": 10}
    pool = SHARP.astype("float32")
    plain = data.prepare(few, pool, **options)
    found = data.prepare(few, pool, match="spectrum", **options)
    expected = {image.tobytes() for image in matched(SHARP, SOFT)}
    parts = found.unlabeled, found.pool_validation
    seen = [{i.tobytes() for i in data.images_of(part)} for part in parts]
    assert seen[0] | seen[1] == expected and len(seen[1]) == 10
    np.testing.assert_array_equal(
        data.images_of(found.labeled), data.images_of(plain.labeled)
    )


@pytest.mark.parametrize(
    "labeled, match, message",
    [
        (None, "spectrum", "Expected.*labeled.*match='spectrum', labeled=None"),
        ((tiny.images(), tiny.labels()), "colour", "match='colour'"),
    ],
)
def test_what_cannot_be_matched_is_refused(labeled, match, message):
    with pytest.raises(ValueError, match=message):
        data.prepare(
            labeled,
            tiny.images(),
            num_classes=4,
            image_shape=(8, 8, 1),
            match=match,
        )
