"""Unstructured sparsity with TFMOT, which only this package imports."""

from tfdcu.sparsity.kernels import sparsity_of
from tfdcu.sparsity.sparsify import Sparsify

__all__ = ["Sparsify", "sparsity_of"]
