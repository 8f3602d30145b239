"""Experiments, one file each; `common.py` holds every field once."""
