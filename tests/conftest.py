"""What holds for all tests."""

import os

# Set before TensorFlow is imported. oneDNN as `scripts` has it: without it,
# processors have no channels-first convolutions. With a thread an operation
# batches are cut into parts, as where `scripts` train with frozen BatchNorm.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
