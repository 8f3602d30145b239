import numpy as np
import pytest
import tensorflow as tf

from tests.support import files
from tfdcu.data.sources import pixels


def converted(image, shape, value_range=(0.0, 1.0)):
    return pixels.convert(tf.constant(image), shape, value_range).numpy()


@pytest.mark.parametrize(
    ("dtype", "largest"), [("uint8", 255), ("uint16", 65535), ("int64", 255)]
)
def test_integers_are_mapped_linearly_to_the_value_range(dtype, largest):
    image = np.array([[0, largest]], dtype)[..., None]
    assert converted(image, (1, 2, 1)).ravel().tolist() == [0, 1]
    received = converted(image, (1, 2, 1), (-1.0, 3.0))
    np.testing.assert_allclose(received.ravel(), [-1, 3])


def test_floats_and_booleans():
    image = np.random.default_rng(0).random((3, 4, 1), "float32")
    np.testing.assert_array_equal(converted(image, (3, 4, 1)), image)
    flags = np.array([[[True], [False]]])
    assert converted(flags, (1, 2, 1)).ravel().tolist() == [1, 0]


def test_channels():
    gray = np.array([[[51]]], "uint8")
    np.testing.assert_allclose(converted(gray, (1, 1, 3)), [[[0.2] * 3]])
    color = np.array([[[255, 0, 51]]], "uint8")
    np.testing.assert_allclose(
        converted(color, (1, 1, 1)), [[[0.2989 + 0.2 * 0.114]]], rtol=1e-5
    )


@pytest.mark.parametrize("value_range", [(0.0, 1.0), (-1.0, 1.0)])
def test_alpha_is_blended_with_white(value_range):
    low, high = value_range
    image = np.array([[[0, 0, 0, 0], [0, 0, 0, 255], [0, 0, 0, 51]]], "uint8")
    received = converted(image, (1, 3, 3), value_range)
    expected = low + (high - low) * np.array([1, 0, 0.8])
    np.testing.assert_allclose(received[0, :, 0], expected, atol=1e-6)
    np.testing.assert_array_equal(received[..., 0], received[..., 2])
    gray = image[..., 2:]
    np.testing.assert_allclose(
        converted(gray, (1, 3, 1), value_range)[0, :, 0], expected, atol=1e-6
    )


def test_channels_unknown_while_tracing():
    @tf.function(input_signature=[tf.TensorSpec((None, None, None), tf.uint8)])
    def traced(image):
        return pixels.convert(image, (4, 4, 3))

    for channels in (1, 2, 3, 4):
        image = np.full((6, 5, channels), 255, "uint8")
        np.testing.assert_allclose(traced(image), np.ones((4, 4, 3)), atol=1e-6)


def test_resizing_covers_then_crops_the_center():
    # Twice as wide as high: the left and right quarters are cut off.
    image = np.zeros((8, 16, 1), "uint8")
    image[:, 4:12] = 255
    received = converted(image, (8, 8, 1))
    np.testing.assert_array_equal(received, np.ones((8, 8, 1)))
    smaller = converted(image, (4, 4, 1))
    np.testing.assert_allclose(smaller[:, 1:3], 1, atol=1e-6)


def test_resizing_keeps_the_mean_and_the_range():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), "uint8")
    received = converted(image, (16, 16, 3))
    assert received.min() >= 0 and received.max() <= 1
    np.testing.assert_allclose(received.mean(), image.mean() / 255, atol=0.01)


def test_a_batch_is_converted_as_its_images():
    images = np.random.default_rng(0).integers(0, 256, (3, 9, 7, 3), "uint8")
    together = converted(images, (4, 6, 1))
    for image, received in zip(images, together, strict=True):
        np.testing.assert_allclose(
            received, converted(image, (4, 6, 1)), atol=1e-6
        )


def test_orientation_equals_that_of_pillow():
    from PIL import Image
    from PIL import ImageOps

    image = files.ramp()
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        turned = Image.fromarray(image)
        turned.info["exif"] = exif.tobytes()
        expected = np.asarray(ImageOps.exif_transpose(turned))
        received = pixels.orient(tf.constant(image), tf.constant(orientation))
        np.testing.assert_array_equal(received, expected, f"{orientation}")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_check_values_names_the_first_bad_image(bad):
    images = np.zeros((5, 2, 2, 1), "float32")
    images[3, 0, 0, 0] = bad
    with pytest.raises(ValueError, match="NaN or infinite.*first at index 3"):
        pixels.check_values(images, (0, 1))


def test_check_values_of_the_range():
    with pytest.raises(ValueError, match=r"out of range.*\[0.0, 1.0\].*255"):
        pixels.check_values(np.full((1, 2, 2, 1), 255.0), (0.0, 1.0))
    with pytest.raises(ValueError, match="out of range"):
        pixels.check_values(np.full((1, 2, 2, 1), -1), (0.0, 1.0))
    pixels.check_values(np.full((1, 2, 2, 1), 255.0), (0.0, 255.0))
    pixels.check_values(np.full((1, 2, 2, 1), 255), (0.0, 1.0))


def test_check_values_of_the_type():
    with pytest.raises(ValueError, match="invalid dtype"):
        pixels.check_values(np.array([["a"]]), (0, 1))


def test_conversion_to_two_channels_is_refused():
    with pytest.raises(ValueError, match="grayscale or color only"):
        converted(np.zeros((2, 2, 3), "uint8"), (2, 2, 2))
