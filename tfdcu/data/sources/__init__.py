"""Image sources: folders, TFDS, .npz files, arrays and datasets."""
