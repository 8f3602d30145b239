"""Transfer: the student follows the teacher on both pools, and aligns them."""

from tfdcu.transfer.alignment import GradientReversal
from tfdcu.transfer.alignment import channel_statistics
from tfdcu.transfer.alignment import default_align_layer
from tfdcu.transfer.distiller import AlignedDistiller
from tfdcu.transfer.teachers import teacher_function
