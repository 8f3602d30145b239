"""Build classifiers by name, load them from files, change their image size."""

from tfdcu.models.build import build
from tfdcu.models.load import custom_layers
from tfdcu.models.load import load
from tfdcu.models.preprocess import with_preprocessing
from tfdcu.models.resize import at_size
from tfdcu.models.resize import copy_of

__all__ = [
    "at_size",
    "build",
    "copy_of",
    "custom_layers",
    "load",
    "with_preprocessing",
]
