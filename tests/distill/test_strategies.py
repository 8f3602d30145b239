"""Training on two devices equals training on one device."""

import subprocess
import sys

import pytest

PROGRAM = """
import keras
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)

from tests.support import tiny
from tfdcu import AlignedDistiller

few = tf.data.Dataset.from_tensor_slices((tiny.images(8), tiny.labels(8)))
pool = tf.data.Dataset.from_tensor_slices(tiny.images(8, seed=1))
batches = tf.data.Dataset.zip((few.batch(4), pool.batch(4)))


ask = tiny.plain_net(norm=False, seed=7)


def answered(labeled, unlabeled):
    return labeled, unlabeled, (ask(labeled[0]), ask(unlabeled))


def asked(images):
    raise AssertionError("The teacher was run")


def train(strategy, teacher=ask, batches=batches):
    with strategy.scope():
        student = tiny.plain_net(norm=False)
        model = AlignedDistiller(student, teacher)
        model.compile(
            keras.optimizers.SGD(0.1), metrics=["accuracy"], jit_compile=False
        )
    history = model.fit(batches, epochs=2, verbose=0).history
    return tiny.weights(student), history


one, first = train(tf.distribute.get_strategy())
mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
stored = batches.map(answered)
for weights, history in (
    train(mirrored, ask),
    train(mirrored, asked, stored),
):
    for path, value in one.items():
        np.testing.assert_allclose(value, weights[path], atol=1e-5)
    for name, value in first.items():
        np.testing.assert_allclose(value, history[name], rtol=1e-4)

# Without labels the batches begin with an empty part.
alone = stored.map(lambda labeled, pool, targets: ((), pool, targets[1:]))
_, first = train(tf.distribute.get_strategy(), asked, alone)
_, second = train(mirrored, asked, alone)
np.testing.assert_allclose(first["mimic"], second["mimic"], rtol=1e-4)
print("same student")
"""


@pytest.mark.slow
def test_mirrored_strategy_trains_the_same_student():
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True
    )
    assert run.stdout.strip().endswith("same student"), run.stderr[-2000:]
