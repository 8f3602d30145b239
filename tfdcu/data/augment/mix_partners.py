"""Pick a partner for each mixed image, as a pure function of its seed."""

import dataclasses

import tensorflow as tf

from tfdcu.data.augment.augment import stream
from tfdcu.data.augment.mix import MIXES
from tfdcu.data.augment.stateless_random import uniform
from tfdcu.data.sources import source as source_lib
from tfdcu.data.sources.source import Source
from tfdcu.workdir.arguments import check_arguments

# Streams of a view's seeds; the parts of an augmentation use 0, 1, ...
_MIX, _PARTNER = -1, -2
# Draws per image: whether to mix, which partner, and four for the mix.
_NUM_DRAWS = 6


@dataclasses.dataclass(frozen=True)
class Mix:
    """How images are mixed, and with which partners.

    Attributes:
        name: A name in `MIXES`.
        share: Share of the images that are mixed, in (0, 1].
        partners: `Source` without labels, with random access.
        own: Whether the partners are the mixed images themselves.
    """

    name: str
    share: float
    partners: Source
    own: bool

    def __call__(self, view, images, seeds):
        """Mixes a share of the views with a partner's view.

        Args:
            view: What `resolve` returned.
            images: Views, float32 (batch, height, width, channels).
            seeds: Their `view_seeds`, int64 (batch, 2).

        Returns:
            Tensor of the same shape.
        """
        draws = uniform(stream(seeds, _MIX), _NUM_DRAWS)
        num = self.partners.num_images
        # In float64, so that no draw below 1 is rounded up to `num`.
        places = tf.cast(draws[:, 1], tf.float64) * num
        items = self.partners.lookup(tf.cast(places, tf.int64))
        partners = self.partners.decode_batch(items)
        if view is not None:
            partners = view(partners, stream(seeds, _PARTNER))
        mixes = MIXES[self.name](images, partners, draws[:, 2:])
        chosen = draws[:, :1, None, None] < self.share
        return tf.where(chosen, mixes, images)


def open_mix(mix, share, images, partners=None):
    """Opens a `Mix`; `None` if nothing is mixed.

    Args:
        mix: `None` or a name in `MIXES`.
        share: Share of the images that are mixed, in (0, 1].
        images: `Source` of the images that are mixed.
        partners: `Source` of the partners; labels are dropped. Defaults to
            `images`.

    Returns:
        A `Mix` or `None`.

    Raises:
        ValueError: If the name is unknown, the share is out of range, or the
            partners have another shape or value range or are a stream too
            large for memory.
    """
    if mix is not None and (not isinstance(mix, str) or mix not in MIXES):
        raise ValueError(
            f"Unknown mix. Expected: None or one of {sorted(MIXES)}. Received: "
            f"mix={mix!r}."
        )
    check_arguments(mix_share=share)
    if mix is None:
        return None
    own = partners is None
    partners = images if own else partners.without_labels()
    for key in ("image_shape", "value_range"):
        wanted, received = getattr(images, key), getattr(partners, key)
        if wanted != received:
            raise ValueError(
                f"{images.name} cannot be mixed with {partners.name}. "
                f"Expected: partners of the same {key}, {wanted}. Received: "
                f"{received}."
            )
    return Mix(mix, share, _with_random_access(partners), own)


def _with_random_access(source):
    """The source with fast random access to its images."""
    if source.lookup is not None and source.decodes_batches:
        return source
    if source.fits_in_memory():
        return source.in_memory()
    if source.lookup is not None:
        return source
    if source.num_images * source.record_bytes <= source_lib.MEMORY_LIMIT:
        return source.with_records_in_memory()
    raise ValueError(
        f"{source.name} is a stream too large to be kept in memory, so no "
        f"partners can be picked from it. Expected: labeled images as "
        f"partners; a source with random access, such as a folder or arrays; "
        f"or mix=None. Received: a stream of {source.num_images} images of "
        f"{source.record_bytes} bytes."
    )
