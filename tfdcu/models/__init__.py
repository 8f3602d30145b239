"""Build classifiers by name, load them from files, change their image size."""

from tfdcu.graph.resize import at_size
from tfdcu.graph.resize import copy_of
from tfdcu.models.build import build
from tfdcu.models.build import check_name
from tfdcu.models.load import custom_layers
from tfdcu.models.load import load
from tfdcu.models.load import load_any
from tfdcu.models.preprocess import with_preprocessing

__all__ = [
    "at_size",
    "build",
    "check_name",
    "copy_of",
    "custom_layers",
    "load",
    "load_any",
    "with_preprocessing",
]
