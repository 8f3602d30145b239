"""The commands of `tfdcu` in a clone: `python -m scripts.<name>`."""
