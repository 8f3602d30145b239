"""Source of scikit-learn's handwritten digits."""

import numpy as np

from tfdcu.data.sources import arrays

# Of the 1,797 scans.
NUM_TEST = 500


def open_digits(name, *, split, labeled, image_shape, value_range, seed):
    """The 8x8 scans of handwritten digits that ship with scikit-learn.

    1,797 scans of ten digits, gray values 0 to 16 (scaled to `value_range`),
    white on black. scikit-learn defines no split; the one used here is
    stratified and the same for every `seed`, so that test images are never
    used for training.

    Args:
        name: `"digits"`.
        split: `"train"` (1,297 scans, the default), `"test"` (500) or
            `"all"`.
        labeled: Whether to keep the labels.
        image_shape: (height, width, channels); `None` for (8, 8, 1).
        value_range: (low, high) of the pixels.
        seed: Not used.

    Returns:
        A `Source`.

    Raises:
        ValueError: If the split is unknown.
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
            f"Unknown split of {name!r}. Expected: one of {sorted(parts)}. "
            f"Received: split={split!r}."
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
