"""tfdcu says at import that it needs TensorFlow."""

import os
import subprocess
import sys

# No other backend is installed here.
ANOTHER = "import keras; keras.config.backend = lambda: 'jax'; import tfdcu"


def test_another_backend_is_refused_at_import():
    process = subprocess.run(
        [sys.executable, "-c", ANOTHER],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 1
    last = process.stderr.splitlines()[-1]
    assert last.startswith("ImportError") and "KERAS_BACKEND=tensorflow" in last
    assert "Expected" in last and "Received: the backend 'jax'" in last
