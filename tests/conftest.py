"""What holds for all tests."""

import os

# As `scripts` has it; without oneDNN, processors have no channels-first
# convolutions. Set before TensorFlow is imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
