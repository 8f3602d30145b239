"""Copies of images in two sources, whatever files or arrays they are in."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfdcu.data.fingerprint import checksums

# More copies than this, as a share of the images, are no accident. Published
# data sets hold a few.
ACCIDENT = 0.01
# Thumbnails of so many pixels a side are compared, by their correlation.
THUMBNAIL = 16
NEAR = 0.99
# Thumbnails that are compared with all others at once.
_AT_ONCE = 256


@dataclasses.dataclass
class Looks:
    """What images are recognized by.

    Attributes:
        sums: Int64 array (n,), a checksum of the pixels.
        thumbnails: Float32 array (n, pixels) of mean 0 and norm 1; zeros for
            an image of one color, and for other inputs than images.
    """

    sums: np.ndarray
    thumbnails: np.ndarray


def looks_of(source):
    """Yields the `Looks` of each batch of a source, in order."""
    low, high = source.value_range or (0.0, 1.0)

    def looks(images):
        if source.value_range is None:
            return checksums(images), tf.zeros((len(images), 1))
        pixels = tf.round((images - low) * (255 / (high - low)))
        side = [min(THUMBNAIL, size) for size in images.shape[1:3]]
        small = tf.reduce_mean(pixels, -1, keepdims=True)
        small = tf.image.resize(small, side, "area")
        small = tf.reshape(small, (-1, side[0] * side[1]))
        small -= tf.reduce_mean(small, 1, keepdims=True)
        norms = tf.norm(small, axis=1, keepdims=True)
        return checksums(pixels), tf.math.divide_no_nan(small, norms)

    for images in source.without_labels().batches(source.at_once()):
        yield Looks(*(part.numpy() for part in looks(images)))


def all_looks(source):
    """The `Looks` of all images of a source."""
    parts = list(looks_of(source))
    return Looks(
        np.concatenate([part.sums for part in parts]),
        np.concatenate([part.thumbnails for part in parts]),
    )


def find_copies(looks, others):
    """Which images are copies of others, and which look like one.

    Args:
        looks, others: `Looks`.

    Returns:
        Two bool arrays (n,), for `looks`: exact copies, and images that are
        no exact copies but nearly the same, such as the same photo resized or
        encoded again.
    """
    exact = np.isin(looks.sums, others.sums)
    near = np.zeros_like(exact)
    # In parts: two large sources have too many pairs for the memory.
    for start in range(0, len(near), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        alike = looks.thumbnails[part] @ others.thumbnails.T
        near[part] = alike.max(axis=1) > NEAR
    return exact, ~exact & near


def leave_out_copies(labeled, validation, test, pool, separate):
    """Leaves images out of a part that are in one which measures it.

    Args:
        labeled, validation, test: `Source`s of labeled images, or `None`.
        pool: The `Source` of the pool.
        separate: Whether the validation images are of a source of their own;
            those drawn from the labeled ones may stay in the pool.

    Returns:
        ((labeled, validation, pool), tuple of sentences for the user).

    Raises:
        ValueError: As in `without_copies` and `pool_without_copies`.
    """
    # Each source is read once; a `Source` may hold what has no hash.
    known = {}

    def looks(source):
        if id(source) not in known:
            known[id(source)] = source, all_looks(source)
        return known[id(source)][1]

    labeled, first = without_copies(
        "labeled", labeled, "validation", validation, looks
    )
    labeled, second = without_copies("labeled", labeled, "test", test, looks)
    validation, third = without_copies(
        "validation", validation, "test", test, looks
    )
    held = {"test": test, "validation": validation if separate else None}
    pool, fourth = pool_without_copies(pool, held, labeled, looks)
    return (labeled, validation, pool), (*first, *second, *third, *fourth)


def without_copies(key, source, held_key, held, looks):
    """Leaves out the images that are held out for validation or test.

    Args:
        key, held_key: Names of the two sources for the messages.
        source: A labeled `Source`, or `None`.
        held: A `Source` of images that must not be among them, or `None`.
        looks: `all_looks`, or a cached one.

    Returns:
        (source, list of sentences for the user).

    Raises:
        ValueError: If more than a hundredth of the images are copies.
    """
    if source is None or held is None:
        return source, []
    exact, near = find_copies(looks(source), looks(held))
    if exact.sum() > ACCIDENT * len(exact):
        raise ValueError(
            f"`{key}` and `{held_key}` share images. Expected: images that "
            f"are in one of them only. Received: {exact.sum():,} of the "
            f"{len(exact):,} {key} images are {held_key} images too, such as "
            f"number {np.flatnonzero(exact)[0]} of {source.name}."
        )
    said = []
    if exact.any():
        source = source.subset(np.flatnonzero(~exact))
        said.append(
            f"{exact.sum():,} {key} images are {held_key} images too, and are "
            "left out."
        )
    return source, said + look_alike(near.sum(), key, held_key)


def pool_without_copies(pool, held, labeled, looks):
    """Leaves validation and test images out of the pool, in one pass.

    Args:
        pool: The `Source` of the pool.
        held: Dict from name to a `Source` or `None`.
        labeled: The labeled images, or `None`; those in the pool do no harm.
        looks: `all_looks`, or a cached one.

    Returns:
        (pool, list of sentences for the user).

    Raises:
        ValueError: If the pool holds such images and has no fixed order, or
            nothing else.
    """
    held = {key: looks(one) for key, one in held.items() if one is not None}
    if not held:
        return pool, []
    few = looks(labeled) if labeled is not None else None
    found = {key: ([], []) for key in held}
    num_labeled = 0
    for batch in looks_of(pool):
        for key, others in held.items():
            for mask, masks in zip(find_copies(batch, others), found[key]):
                masks.append(mask)
        if few is not None:
            num_labeled += int(np.isin(batch.sums, few.sums).sum())
    said, leave = [], False
    for key, (exact, near) in found.items():
        exact, near = np.concatenate(exact), np.concatenate(near)
        leave = leave | exact
        if exact.any():
            said.append(
                f"{exact.sum():,} images of the pool are {key} images, and are "
                "left out."
            )
        said += look_alike(near.sum(), "pool", key)
    if leave.all() or leave.any() and not pool.fixed_order:
        why = "it holds no others" if leave.all() else "its order changes"
        raise ValueError(
            "The pool holds validation or test images, which cannot be left "
            f"out, since {why}. Expected: other images. "
            f"Received: {leave.sum():,} of {pool.name}."
        )
    if leave.any():
        pool = pool.subset(np.flatnonzero(~leave))
    if num_labeled:
        said.append(
            f"{num_labeled:,} images of the pool are labeled images too; that "
            "does no harm."
        )
    return pool, said


def look_alike(num, key, held_key):
    """A sentence on near copies, in a list; empty if there are none."""
    if not num:
        return []
    return [
        f"{num:,} {key} images look like {held_key} images, as if resized or "
        f"encoded again. If they are, the figures on the {held_key} images "
        "are too high."
    ]
