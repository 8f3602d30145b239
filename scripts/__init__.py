"""Programs, run from the root as `python -m scripts.<name>`."""

import os
import signal
import sys

from absl import logging

# TensorFlow leaves oneDNN's kernels off on processors without AVX-512, where
# they train a ResNet-56 1.6 times as fast (`benchmarks/speed`, row 8).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# Hide the start-up messages of TensorFlow and TFDS.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
logging.set_verbosity(logging.ERROR)


def stop(number, frame):
    """End the program with one line; what it has finished stays."""
    del frame
    print(
        f"\nStopped by {signal.Signals(number).name}. The same command goes on "
        "after the last finished epoch or stage.",
        file=sys.stderr,
    )
    raise SystemExit(128 + number)


# While Python looks for a module to run, which takes TensorFlow's seconds.
if sys.argv[0] == "-m":
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
