"""Thin programs; run them as `python -m scripts.<name>` from the root."""

import os

from absl import logging

# TensorFlow leaves oneDNN's kernels off on processors without AVX-512, where
# they train a small ResNet nearly twice as fast (`benchmarks/speed`).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# Start-up notes of TensorFlow and TFDS say nothing about the work at hand.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
logging.set_verbosity(logging.ERROR)
