"""What holds for all tests."""

import os

# As `scripts` have them, set before TensorFlow is imported. Without oneDNN,
# processors have no channels-first convolutions; with a thread an operation,
# batches are cut into parts.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
