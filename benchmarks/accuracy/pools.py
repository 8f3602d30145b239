"""Other pools: a part, or with junk or haze."""

import numpy as np

import tfdcu

JUNK_SHARE = 0.3
# Red, green and blue of a haze at sunset; gray images take the first.
HAZE = (1.0, 0.8, 0.6)


def part(pool, num, seed):
    """Some images of a pool, in its order.

    Args:
        pool: A `Source`.
        num: Int, how many.
        seed: Int.

    Returns:
        A `Source`.
    """
    drawn = np.random.default_rng(seed).permutation(pool.num_images)[:num]
    return pool.subset(np.sort(drawn))


def with_junk(pool, seed):
    """A pool of the same size in which some images are junk.

    A third each of noise, flat colors and printed characters.

    Args:
        pool: A `Source` of images in [0, 1].
        seed: Int.

    Returns:
        Uint8 array (num, height, width, channels).
    """
    generator = np.random.default_rng(seed)
    shape, num = pool.image_shape, pool.num_images
    images = _pixels(pool)
    third = round(JUNK_SHARE * num / 3)
    places = generator.permutation(num)[: 3 * third].reshape(3, third)
    images[places[0]] = generator.integers(0, 256, (third, *shape), "uint8")
    images[places[1]] = generator.integers(0, 256, (third, 1, 1, shape[-1]))
    text = tfdcu.data.open_source("printed", labeled=False, image_shape=shape)
    drawn = generator.integers(0, text.num_images, third)
    letters = tfdcu.data.images_of(text, text.num_images)
    images[places[2]] = np.uint8(255 * letters[drawn] + 0.5)
    return images


def in_haze(pool, seed):
    """A pool whose images are all seen through haze: faint, and of one tint.

    Args:
        pool: A `Source` of images in [0, 1], of one channel or three.
        seed: Not used.

    Returns:
        Uint8 array (num, height, width, channels).
    """
    del seed
    images = _pixels(pool)
    tint = 255 * np.array(HAZE[: images.shape[-1]])
    return np.uint8((images + tint) / 2)


def _pixels(pool):
    return np.concatenate(
        [np.uint8(255 * b.numpy() + 0.5) for b in pool.batches(1024)]
    )
