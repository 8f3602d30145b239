"""The command `tfdcu`; beside the library, so that help needs no TensorFlow."""

import os

# TensorFlow leaves oneDNN's kernels off on processors without AVX-512, where
# they train a ResNet-56 1.6 times as fast (`benchmarks/speed`, row 8).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# Hide the start-up messages of TensorFlow and TFDS.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
