"""Transfer: the student follows the teacher on both pools, and aligns them."""

from tfdcu.transfer.alignment import GradientReversal
from tfdcu.transfer.checkpoint import Checkpoint
from tfdcu.transfer.distiller import AlignedDistiller
from tfdcu.transfer.teachers import resized
from tfdcu.transfer.teachers import teacher_function
from tfdcu.transfer.training import check_training
from tfdcu.transfer.training import train
