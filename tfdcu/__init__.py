"""tfdcu: TensorFlow data-efficient compression with unlabeled data."""

import keras

if keras.config.backend() != "tensorflow":
    raise ImportError(
        "tfdcu trains and exports with TensorFlow. Expected: the environment "
        "variable KERAS_BACKEND=tensorflow before Keras is imported. Received: "
        f"the backend {keras.config.backend()!r}"
    )

from tfdcu import data
from tfdcu import models
from tfdcu.compress import compress
from tfdcu.distill import AlignedDistiller
from tfdcu.distill import GradientReversal
from tfdcu.evaluate import evaluate
from tfdcu.export import LiteRTModel
from tfdcu.export import export_litert
from tfdcu.export import litert_latency
from tfdcu.graph.profile import profile
from tfdcu.pool.diagnose import diagnose
from tfdcu.pool.targets import teacher_targets
from tfdcu.pruning import channel_groups
from tfdcu.pruning import prune_channels
from tfdcu.quantization import quantize_aware
from tfdcu.report import format_diagnosis
from tfdcu.search import search
from tfdcu.sparsity.sparsify import Sparsify
from tfdcu.train_teacher import train_teacher

__version__ = "0.1.0"


def __getattr__(name):
    # keras-tuner takes a second to import; only this name needs it.
    if name == "StudentHyperModel":
        from tfdcu.search import StudentHyperModel

        return StudentHyperModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
