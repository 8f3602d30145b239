"""Distillation: mimic the teacher on both pools and align their features."""

from tfdcu.distill.alignment import GradientReversal
from tfdcu.distill.alignment import channel_statistics
from tfdcu.distill.alignment import default_align_layer
from tfdcu.distill.distiller import AlignedDistiller
from tfdcu.distill.teacher_outputs import teacher_function
