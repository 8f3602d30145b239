"""A pool that is as sharp, or as soft, as the labeled images."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfdcu.data.sample import sample_of

# Images of each source that are looked at.
_NUM_IMAGES = 2000
# A detail is made at most so much stronger: in a soft pool it is noise.
_STRONGEST = 3.0
# Pixels lie on so many steps, as in files: their bits are then the same
# whichever way the transform rounds.
_STEPS = 255


def match_spectrum(pool, like, *, seed=0):
    """A pool whose details are on average as strong as those of other images.

    Images that were scaled down, sharpened or compressed otherwise differ
    first in how much of their contrast lies in fine detail, to which the
    first layers of a network answer. One filter for all images of the pool
    mends that: it gives every spatial frequency, whatever its direction, the
    mean amplitude that it has in `like`. Brightness and colour stay.

    That low frequencies' amplitudes carry the look of a domain is Yang &
    Soatto 2020's observation (arXiv:2004.05498), who exchange them image by
    image; one filter of the means is ours.

    Args:
        pool: A `Source` without labels.
        like: A `Source` of the same image shape and range, such as the labeled
            images; its labels are not used.
        seed: Int; of each source 2,000 images drawn by it are looked at.

    Returns:
        A `Source` of the pool's images, filtered when they are decoded.
    """
    height, width, _ = pool.image_shape
    ring = rings(height, width)
    wanted, found = (
        amplitudes(sample_of(source, _NUM_IMAGES, seed=seed).dataset, ring)
        for source in (like, pool)
    )
    gains = wanted / np.maximum(found, 1e-6 * found.max() + 1e-12)
    gains = np.minimum(gains, _STRONGEST)
    gains[0] = 1.0
    factors = tf.constant(gains[ring], tf.complex64)
    low, high = pool.value_range

    def decode(items):
        images = (pool.decode(items) - low) / (high - low)
        spectra = tf.signal.fft2d(tf.cast(_inner(images), tf.complex64))
        images = _outer(tf.math.real(tf.signal.ifft2d(spectra * factors)))
        images = tf.round(tf.clip_by_value(images, 0.0, 1.0) * _STEPS) / _STEPS
        return images * (high - low) + low

    return dataclasses.replace(pool, decode=decode)


def rings(height, width):
    """How fine each spatial frequency is: int array (height, width).

    Whole numbers of waves over the longer side; 0 for the mean alone.
    """
    rows = np.fft.fftfreq(height)[:, None]
    columns = np.fft.fftfreq(width)
    waves = np.hypot(rows, columns) * max(height, width)
    return np.maximum(np.rint(waves), waves > 0).astype(int)


def amplitudes(images, ring):
    """Root mean square amplitude in each ring, over images and channels.

    Args:
        images: Images one by one, float (height, width, channels).
        ring: What `rings` gave for the size.

    Returns:
        Float64 array (rings,).
    """
    power, num_images = np.zeros(ring.shape), 0
    for image in images:
        spectrum = np.fft.fft2(image, axes=(0, 1))
        power += np.square(np.abs(spectrum)).mean(-1)
        num_images += 1
    count = np.bincount(ring.ravel())
    total = np.bincount(ring.ravel(), power.ravel() / num_images)
    return np.sqrt(total / count)


def _inner(images):
    """Height and width last."""
    return tf.einsum("...hwc->...chw", images)


def _outer(images):
    return tf.einsum("...chw->...hwc", images)
