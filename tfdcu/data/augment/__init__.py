"""Random views of images, and mixes of them."""
