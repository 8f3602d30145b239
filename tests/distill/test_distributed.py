"""Training in two processes equals training in one process.

Run as a program, this file is one of the two workers:
`TF_CONFIG=... python -m tests.distill.test_distributed folder case ...`.
"""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support import tiny
from tfdcu.data import training_batches
from tfdcu.distill.distiller import AlignedDistiller
from tfdcu.distill.distributed import predict_share
from tfdcu.distill.distributed import shared_batches
from tfdcu.training.checkpoint import Checkpoint

# Seconds for both workers, far more than they need on a busy machine.
PATIENCE = 400
STEPS = 3


def batches(epochs=None):
    few = tiny.images(8), tiny.labels(8)
    pool = tiny.images(8 * STEPS, seed=1)
    sizes = {"batch_size": 8, "labeled_batch_size": 4}
    return training_batches(few, pool, augment="shift", epochs=epochs, **sizes)


def teacher():
    return tiny.plain_net(norm=False, seed=7)


def stored_batches():
    ask = teacher()
    return batches().map(
        lambda labeled, pool: (labeled, pool, (ask(labeled[0]), ask(pool)))
    )


def synchronized_net():
    """A student whose BatchNormalization sees the global batch."""

    def synchronized(layer):
        config = layer.get_config()
        if "synchronized" in config:
            config["synchronized"] = True
        return type(layer).from_config(config)

    net = tiny.plain_net()
    student = keras.models.clone_model(net, clone_function=synchronized)
    student.set_weights(net.get_weights())
    return student


def plain_student():
    return tiny.plain_net(norm=False)


def distiller(strategy, teacher=None, student=plain_student, **options):
    with strategy.scope():
        model = AlignedDistiller(student(), teacher)
        sgd = keras.optimizers.SGD(0.1, momentum=0.9)
        model.compile(sgd, metrics=["accuracy"], jit_compile=False, **options)
    return model


def train(model, batches, epochs=2, **options):
    """The history and the student's weights after `fit`, by name."""
    history = model.fit(batches, epochs=epochs, verbose=0, **options).history
    return {**history, **tiny.weights(model.student)}


def live(strategy, folder=None):
    model = distiller(strategy, teacher())
    results = train(model, batches())
    # Of the last of these batches the second worker has no image.
    nine = tiny.images(9, seed=4), tiny.labels(9)
    scores = model.evaluate(*nine, batch_size=4, verbose=0, return_dict=True)
    return {**results, **{f"test_{name}": v for name, v in scores.items()}}


def stored(strategy, folder=None):
    return train(distiller(strategy), stored_batches())


def stored_shares(strategy, folder=None):
    """As `stored`, but each worker creates its own share."""

    def share(context):
        rows = slice(
            context.input_pipeline_id, None, context.num_input_pipelines
        )
        return stored_batches().map(
            lambda *batch: tf.nest.map_structure(lambda part: part[rows], batch)
        )

    shares = strategy.distribute_datasets_from_function(share)
    return train(distiller(strategy), shares)


def synchronized(strategy, folder=None):
    model = distiller(strategy, student=synchronized_net)
    return train(model, stored_batches(), epochs=1)


def unsynchronized(strategy, folder=None):
    model = distiller(strategy, student=tiny.plain_net)
    return train(model, stored_batches(), epochs=1)


def unbroken(strategy, folder=None):
    model = distiller(strategy, teacher())
    return train(model, batches(range(2)), steps_per_epoch=STEPS)


def resumed(strategy, folder):
    """As `unbroken`, but a new model resumes after the first epoch."""
    for done in (0, 1):
        model = distiller(strategy, teacher())
        checkpoint = Checkpoint(folder / "checkpoint")
        with strategy.scope():
            checkpoint.restore(model)
        results = train(
            model,
            batches(range(done, 2)),
            initial_epoch=done,
            steps_per_epoch=STEPS,
            callbacks=[checkpoint, stop_after_epoch(model)],
        )
    return {**results, **checkpoint.history}


def stop_after_epoch(model):
    def stop(epoch, logs):
        model.stop_training = True

    return keras.callbacks.LambdaCallback(on_epoch_end=stop)


def refused(strategy, folder=None):
    model = distiller(strategy, teacher(), steps_per_execution=2)
    try:
        train(model, batches())
    except ValueError as error:
        return {"error": str(error)}


def work(folder, *cases):
    """The program of a worker: runs the cases and saves their results."""
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    for case in cases:
        results = globals()[case](strategy, Path(folder))
        np.savez(Path(folder, f"{case}.npz"), **results)


def free_ports(num):
    sockets = [socket.create_server(("localhost", 0)) for _ in range(num)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start(index, ports, folder, cases):
    """Start one worker in its own process, without accelerators."""
    config = {
        "cluster": {"worker": [f"localhost:{port}" for port in ports]},
        "task": {"type": "worker", "index": index},
    }
    alone = {"TF_CONFIG": json.dumps(config), "CUDA_VISIBLE_DEVICES": "-1"}
    program = [sys.executable, "-m", "tests.distill.test_distributed"]
    with (folder / "log").open("w") as log:
        return subprocess.Popen(
            [*program, folder, *cases],
            env=os.environ | alone,
            stdout=log,
            stderr=log,
        )


def wait(workers):
    """Exit codes, once all are done, one has failed, or on timeout."""
    end = time.monotonic() + PATIENCE
    codes = [None]
    while None in codes and not any(codes) and time.monotonic() < end:
        time.sleep(0.1)
        codes = [worker.poll() for worker in workers]
    return codes


def two_workers(folders, *cases):
    """The folders, with the results of two workers."""
    ports = free_ports(2)
    workers = [start(i, ports, f, cases) for i, f in enumerate(folders)]
    try:
        codes = wait(workers)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    logs = [(folder / "log").read_text()[-3000:] for folder in folders]
    assert codes == [0, 0], "\n".join(map(str, [codes, *logs]))
    return folders


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    folders = [tmp_path_factory.mktemp("quick") for _ in range(2)]
    return two_workers(folders, "live", "refused")


@pytest.fixture(scope="module")
def more(tmp_path_factory):
    folders = [tmp_path_factory.mktemp("more") for _ in range(2)]
    cases = "stored", "stored_shares", "synchronized", "unsynchronized"
    return two_workers(folders, *cases, "resumed")


def assert_same(results, expected, rtol=0.0, atol=0.0):
    assert set(results) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(
            results[name], value, rtol=rtol, atol=atol, err_msg=name
        )


def assert_trains_as_one(folders, name, case):
    expected = case(tf.distribute.get_strategy())
    first, second = (np.load(folder / f"{name}.npz") for folder in folders)
    # Sums over the images of a batch in another order round otherwise.
    assert_same(first, expected, rtol=1e-4, atol=1e-5)
    assert_same(second, first)


@pytest.mark.slow
def test_workers_train_the_student_of_one_process(quick):
    assert_trains_as_one(quick, "live", live)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, case",
    [
        ("stored", stored),
        ("stored_shares", stored),
        ("synchronized", synchronized),
        ("resumed", unbroken),
    ],
)
def test_shares_batchnorm_and_restarts_equal_one_process(more, name, case):
    assert_trains_as_one(more, name, case)


@pytest.mark.slow
def test_workers_end_with_the_same_moving_statistics(more):
    first, second = (np.load(f / "unsynchronized.npz") for f in more)
    assert "bn1/moving_mean" in first
    assert_same(second, first)


def test_several_steps_in_one_call_are_refused(quick):
    error = str(np.load(quick[1] / "refused.npz")["error"])
    assert "Received: steps_per_execution=2" in error


TWO = SimpleNamespace(num_replicas_in_sync=2)


def odd_batches(drop_remainder):
    pool = tf.data.Dataset.from_tensor_slices(tiny.images(8))
    return pool.batch(3, drop_remainder=drop_remainder)


def test_batches_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="multiples of 2.*Received:.*3"):
        shared_batches(odd_batches(drop_remainder=True), TWO)


def test_batches_that_turn_out_not_to_divide_are_refused():
    batches = shared_batches(odd_batches(drop_remainder=False), TWO)
    with pytest.raises(tf.errors.InvalidArgumentError, match="multiples of 2"):
        next(iter(batches))


@pytest.mark.parametrize("num", [0, 1, 2])
def test_an_empty_share_has_no_outputs_and_others_have_their_own(num):
    net, images = tiny.plain_net(), tiny.images(num)
    outputs = tf.function(predict_share)(net, tf.constant(images))
    assert outputs.shape == (num, 4)
    if num:
        expected = net(images, training=False)
        np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def test_one_replica_takes_the_batches_as_they_are():
    batches = odd_batches(drop_remainder=True)
    assert shared_batches(batches, tf.distribute.get_strategy()) is batches


if __name__ == "__main__":
    work(*sys.argv[1:])
