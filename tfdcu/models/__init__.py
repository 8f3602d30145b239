"""Classifiers: built by name, loaded from files, told apart."""

from tfdcu.models.files import custom_layers
from tfdcu.models.files import load
from tfdcu.models.sizes import at_size
from tfdcu.models.sizes import copy_of
from tfdcu.models.zoo import build

__all__ = [
    "at_size",
    "build",
    "copy_of",
    "custom_layers",
    "load",
]
