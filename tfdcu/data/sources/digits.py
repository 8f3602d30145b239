"""The embedded example's labeled images: scikit-learn's handwritten digits."""

import numpy as np

from tfdcu.data.sources import arrays

# Of the 1,797 scans, as many as the customary 1,297 / 500 split leaves.
NUM_TEST = 500


def open_digits(name, *, split, labeled, image_shape, value_range, seed):
    """The 8x8 scans of handwritten digits that ship with scikit-learn.

    1,797 real scans of ten digits, gray values 0 to 16 (brought to
    `value_range`), white ink on black. They have no split of their own; ours
    is stratified, fixed and the same for every `seed`, so that no seed ever
    tests on what another trained on.

    Args:
        name: `"digits"`.
        split: `"train"` (1,297 scans, the default), `"test"` (500) or
            `"all"`.
        labeled: Whether to keep the labels.
        image_shape: Wanted shape; `None` for (8, 8, 1).
        value_range: (low, high) of the pixels.
        seed: Not used.

    Returns:
        A `Source`.

    Raises:
        ValueError: For another split.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    split = split or "train"
    scans = load_digits()
    train, test = train_test_split(
        np.arange(len(scans.target)),
        test_size=NUM_TEST,
        stratify=scans.target,
        random_state=0,
    )
    parts = {
        "train": np.sort(train),
        "test": np.sort(test),
        "all": np.arange(len(scans.target)),
    }
    if split not in parts:
        raise ValueError(
            f"Unknown split of {name!r}. Expected one of {sorted(parts)}. "
            f"Received split={split!r}."
        )
    chosen = parts[split]
    low, high = value_range
    images = scans.images[chosen, :, :, None].astype("float32") / 16
    places = ("train", "test") if split == "all" else (split,)
    return arrays.open_arrays(
        name,
        images * (high - low) + low,
        scans.target[chosen] if labeled else None,
        image_shape=image_shape,
        value_range=value_range,
        classes=tuple(str(name) for name in scans.target_names),
        spans=tuple((f"digits:{at}", 0, len(parts[at])) for at in places),
    )
