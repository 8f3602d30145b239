"""Training that resumes after an interruption."""

from tfdcu.training.checkpoint import Checkpoint
from tfdcu.training.train import check_training
from tfdcu.training.train import train

__all__ = ["Checkpoint", "check_training", "train"]
