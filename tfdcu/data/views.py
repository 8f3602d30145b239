"""What becomes of an image on its way into a batch."""

from tfdcu.data.augment import resolve
from tfdcu.data.augment import view_seeds


def viewing(augment, value_range, seed, mix=None):
    """A pure function from images, and which they are, to their views.

    Stored targets lean on it: whoever calls it with the same ids and numbers
    gets the same bits, in whatever batch.

    Args:
        augment: As in `training_batches`.
        value_range: (low, high) of the pixels.
        seed: Integer from 0 to 2**31 - 1.
        mix: What `open_mix` gave.

    Returns:
        Function from float32 images (batch, height, width, channels), int64
        ids (batch,) and int64 numbers of their views (batch,) to the views,
        of the same shape.

    Raises:
        ValueError: If the augmentation is unknown.
    """
    view = resolve(augment, value_range)

    def views(images, ids, numbers):
        seeds = view_seeds(ids, numbers, seed)
        if view is not None:
            images = view(images, seeds)
        return images if mix is None else mix(view, images, seeds)

    return views
