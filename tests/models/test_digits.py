"""The digits network."""

import keras
import numpy as np
from sklearn.datasets import load_digits

from tfdcu.models import build


def test_channel_counts_can_be_quartered_to_multiples_of_eight():
    net = build("digits", num_classes=10)
    assert 60_000 <= net.count_params() <= 100_000
    counts = [net.get_layer(f"block{i}_conv").filters for i in (1, 2, 3)]
    assert all(count % 32 == 0 for count in counts)
    small = build("digits", num_classes=10, width=0.25)
    assert net.count_params() > 14 * small.count_params()


def test_real_digits_are_learned_in_seconds():
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).reshape(-1, 8, 8, 1).astype("float32")
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order], labels[order]
    keras.utils.set_random_seed(0)
    net = build("digits", num_classes=10, seed=0)
    net.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(3e-3, 6 * 22)
        ),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    net.fit(images[:1400], labels[:1400], batch_size=64, epochs=6, verbose=0)
    assert net.evaluate(images[1400:], labels[1400:], verbose=0)[1] > 0.975
