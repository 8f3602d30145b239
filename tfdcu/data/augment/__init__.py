"""Data augmentation: random views and mixes of images."""
