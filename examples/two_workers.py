"""Train one student in two processes, and compare their weights.

    python examples/two_workers.py

Under MultiWorkerMirroredStrategy, which Keras 3 does not run by itself. Here
both workers are on this machine; on two machines start `work` on each, with
the TF_CONFIG of docs/many_machines.md. About one minute on two CPU cores.
"""

import json
import os
import socket
import subprocess
import sys


def work():
    """What every worker runs, the same on all of them."""
    import keras
    import tensorflow as tf

    import tfdcu

    # Before anything else of TensorFlow.
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    with strategy.scope():
        keras.utils.set_random_seed(0)
        teacher = tfdcu.models.build("digits", num_classes=10, seed=0)
        student = tfdcu.prune_channels(teacher, macs=0.5)
        model = tfdcu.AlignedDistiller(student, teacher)
        model.compile(keras.optimizers.Adam(1e-3), metrics=["accuracy"])
    # Global batches: each worker takes its half of every one.
    batches = tfdcu.data.training_batches("digits", "printed:640")
    model.fit(batches, epochs=2, verbose=0)
    total = sum(float(abs(weight).sum()) for weight in student.get_weights())
    print(f"sum of the weights: {total:.6f}")


def free_port():
    """A port of this machine that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def main():
    """Start both workers on this machine; print what they print."""
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    workers = []
    for index in range(2):
        config = {
            "cluster": {"worker": addresses},
            "task": {"type": "worker", "index": index},
        }
        environment = {**os.environ, "TF_CONFIG": json.dumps(config)}
        workers.append(
            subprocess.Popen(
                [sys.executable, __file__, "work"],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    printed = [worker.communicate()[0] for worker in workers]
    print(*printed, sep="")
    if printed[0] != printed[1] or any(one.returncode for one in workers):
        raise SystemExit("The workers differ")


if __name__ == "__main__":
    work() if sys.argv[1:] == ["work"] else main()
