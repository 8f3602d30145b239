"""What holds for all tests."""

import gc
import os

import pytest

# Set before TensorFlow is imported. oneDNN as `scripts` has it: without it,
# processors have no channels-first convolutions. With a thread an operation
# batches are cut into parts, as where `scripts` train with frozen BatchNorm.
# NumPy too has a thread in each process: threads that wait for each other turn
# in a circle, and two processes with two each take twice the time.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_addoption(parser):
    """How much of `tests/faults` runs; by default all that is promised."""
    for name, default, text in (
        ("kills", 100, "runs killed at random moments"),
        ("every", 1, "kill at every n-th rename of a file"),
        ("mutations", 2000, "damaged files that are opened"),
    ):
        parser.addoption(f"--{name}", type=int, default=default, help=text)


@pytest.fixture(scope="module", autouse=True)
def freeze_the_libraries():
    """Each conversion ends with a full collection, of a million objects."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def no_pictures(monkeypatch):
    """Runs draw no figures, which take seconds; those of a module's do."""
    monkeypatch.setattr("tfdcu.report.page._pictures", lambda *record: {})
