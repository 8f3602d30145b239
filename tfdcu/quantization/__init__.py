"""Fake quantization: training that knows the integers of a file."""

from tfdcu.quantization.bits import check_weight_bits
from tfdcu.quantization.quantize_aware import quantize_aware

__all__ = ["check_weight_bits", "quantize_aware"]
