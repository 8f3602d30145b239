"""Weights set to zero while training; TFMOT lives here alone."""

from tfdcu.sparsity.kernels import sparsity_of
from tfdcu.sparsity.sparsify import Sparsify

__all__ = ["Sparsify", "sparsity_of"]
