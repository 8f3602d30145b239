"""Laws of the training clock."""

import numpy as np
import pytest

from tfdcu.distill.alignment import Clock


def epochs(clock, steps, first, last, total):
    """Run epochs first..last of `total`; return progress before each step."""
    callback = clock.callback()
    callback.set_params({"epochs": total, "steps": steps})
    seen = []
    for epoch in range(first, last):
        callback.on_epoch_begin(epoch)
        for _ in range(steps or 3):
            seen.append(float(clock.progress))
            clock.tick()
    return seen


def test_progress_counts_steps_of_the_whole_run():
    seen = epochs(Clock(), steps=4, first=0, last=2, total=2)
    np.testing.assert_allclose(seen, np.arange(8) / 8, atol=1e-6)


def test_a_resumed_run_has_the_same_progress():
    whole = epochs(Clock(), steps=5, first=0, last=3, total=3)
    resumed = epochs(Clock(), steps=5, first=2, last=3, total=3)
    assert resumed == whole[10:]


def test_unknown_steps_move_once_an_epoch():
    seen = epochs(Clock(), steps=None, first=0, last=2, total=2)
    assert seen == pytest.approx([0, 0, 0, 0.5, 0.5, 0.5])


def test_progress_never_passes_one():
    clock = Clock()
    epochs(clock, steps=2, first=0, last=1, total=1)
    clock.tick()
    assert float(clock.progress) == 1.0
