"""`Sparsify` follows its schedule, keeps zeros, and restores constraints."""

import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from keras import layers

from tests.support import tiny
from tfdcu.sparsity.kernels import choose_kernels
from tfdcu.sparsity.kernels import sparsity_of
from tfdcu.sparsity.sparsify import Sparsify

IMAGES = tiny.images(32)
LABELS = tiny.labels(32)


def net(optimizer="sgd", seed=0, model=None, **compile_arguments):
    model = model or tiny.plain_net(width=8, norm=False, seed=seed)
    if optimizer == "sgd":
        optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        **{"jit_compile": False, **compile_arguments},
    )
    return model


def fit(model, *callbacks, epochs=3, **arguments):
    """Eight steps an epoch, always the same batches in the same order."""
    arguments = {"batch_size": 4, "verbose": 0, "shuffle": False, **arguments}
    return model.fit(
        IMAGES, LABELS, epochs=epochs, callbacks=list(callbacks), **arguments
    )


def kernels(model):
    return {la.name: k.numpy() for la, k in choose_kernels(model)}


def expected_zeros(kernel, sparsity):
    """TFMOT keeps round(size * (1 - sparsity)) weights, at least one."""
    keep = np.round(np.float32(kernel.size) * (1 - np.float32(sparsity)))
    return kernel.size - max(int(keep), 1)


def assert_exactly(model, sparsity):
    for name, kernel in kernels(model).items():
        zeros = np.sum(kernel == 0)
        assert zeros == expected_zeros(kernel, sparsity), name
        assert not np.any(np.signbit(kernel[kernel == 0])), name


class Watch(keras.callbacks.Callback):
    """Records the kernels at every step; raises an error at one step."""

    def __init__(self, stop_after=None):
        super().__init__()
        self.seen = []
        self.stop_after = stop_after

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(kernels(self.model))

    def on_epoch_end(self, epoch, logs=None):
        if self.stop_after == epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "schedule, sparsity",
    [("polynomial", 0.5), ("polynomial", 0.97), ("constant", 0.8)],
)
def test_final_sparsity_is_exact_in_every_kernel(schedule, sparsity):
    model = net()
    history = fit(model, Sparsify(final_sparsity=sparsity, schedule=schedule))
    assert_exactly(model, sparsity)
    assert history.history["sparsity"][-1] == pytest.approx(
        sparsity_of(model)["total"]
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"steps_per_execution": 3},
        {"jit_compile": True, "steps_per_execution": 8},
        {"run_eagerly": True},
    ],
    ids=str,
)
def test_final_sparsity_is_exact_however_steps_are_run(arguments):
    model = net(**arguments)
    fit(model, Sparsify(final_sparsity=0.8))
    assert_exactly(model, 0.8)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_final_sparsity_is_exact_in_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = net()
        fit(model, Sparsify(final_sparsity=0.8))
    finally:
        keras.config.set_dtype_policy("float32")
    assert_exactly(model, 0.8)


@pytest.mark.parametrize("overwrite", [None, 5])
def test_averaging_optimizers_end_sparse(overwrite):
    optimizer = keras.optimizers.Adam(
        0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=overwrite
    )
    model = net(optimizer)
    fit(model, Sparsify(final_sparsity=0.8))
    assert_exactly(model, 0.8)


def test_zeros_stay_zero_with_momentum():
    watch = Watch()
    model = net(keras.optimizers.Adam(0.05, weight_decay=0.01))
    fit(model, Sparsify(final_sparsity=0.8, frequency=4), watch)
    zeros = [
        np.concatenate([k.ravel() == 0 for k in seen.values()])
        for seen in [*watch.seen, kernels(model)]
    ]
    for before, after in zip(zeros, zeros[1:]):
        assert np.all(after[before])
    moved = [np.any(a != b) for a, b in zip(zeros, zeros[1:])]
    # Updates at steps 4, 8, 12, 16 and at the end, 18, seen after the step.
    assert [i + 2 for i, m in enumerate(moved) if m] == [4, 8, 12, 16, 18]


def test_smallest_magnitudes_become_zero():
    model = net(keras.optimizers.SGD(0.0))
    before = kernels(model)
    fit(model, Sparsify(final_sparsity=0.75, schedule="constant"), epochs=1)
    for name, kernel in kernels(model).items():
        zeros = expected_zeros(kernel, 0.75)
        limit = np.sort(np.abs(before[name]).ravel())[zeros]
        np.testing.assert_array_equal(
            kernel, np.where(np.abs(before[name]) >= limit, before[name], 0)
        )


def test_zero_sparsity_is_plain_training():
    plain, sparse = net(), net()
    fit(plain)
    fit(sparse, Sparsify(final_sparsity=0.0))
    tiny.assert_same_weights(tiny.weights(plain), tiny.weights(sparse))


@pytest.mark.parametrize("optimizer, epoch", [("sgd", 0), ("adam", 1)])
def test_resumed_run_equals_the_uninterrupted_one(tmp_path, optimizer, epoch):
    whole = net(optimizer)
    fit(whole, Sparsify(final_sparsity=0.8, frequency=7), epochs=4)
    torn = net(optimizer)
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(KeyboardInterrupt):
        sparsify = Sparsify(final_sparsity=0.8, frequency=7)
        fit(torn, sparsify, backup, Watch(stop_after=epoch), epochs=4)
    # A new process has new weights and a new optimizer.
    again = net(optimizer, seed=1)
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    fit(again, Sparsify(final_sparsity=0.8, frequency=7), backup, epochs=4)
    tiny.assert_same_weights(tiny.weights(whole), tiny.weights(again))
    assert_exactly(again, 0.8)


def test_resume_from_model_file_and_initial_epoch(tmp_path):
    whole = net()
    fit(whole, Sparsify(final_sparsity=0.8, end_step=15))
    first = net()
    with pytest.warns(UserWarning, match="ended at step 8.*at step 15"):
        fit(first, Sparsify(final_sparsity=0.8, end_step=15), epochs=1)
    first.save(tmp_path / "half.keras")
    second = keras.models.load_model(tmp_path / "half.keras")
    fit(second, Sparsify(final_sparsity=0.8, end_step=15), initial_epoch=1)
    tiny.assert_same_weights(tiny.weights(whole), tiny.weights(second))


def test_resume_from_weights_and_initial_epoch():
    first = net()
    with pytest.warns(UserWarning, match="before the sparsity schedule"):
        fit(first, Sparsify(final_sparsity=0.8, end_step=15), epochs=1)
    zeros = {name: kernel == 0 for name, kernel in kernels(first).items()}
    second, watch = net(seed=1), Watch()
    second.set_weights(first.get_weights())
    fit(
        second,
        Sparsify(final_sparsity=0.8, end_step=15, frequency=9),
        watch,
        initial_epoch=1,
    )
    for name, kernel in watch.seen[0].items():
        assert np.any(zeros[name]) and np.all(kernel[zeros[name]] == 0)
    assert_exactly(second, 0.8)


def test_later_fit_starts_the_schedule_again():
    model, watch = net(), Watch()
    fit(model, epochs=1)
    fit(model, Sparsify(final_sparsity=0.8, begin_step=2, frequency=2), watch)
    dense = [not any(np.any(k == 0) for k in w.values()) for w in watch.seen]
    # At step 2 the share is still 0; at 4, after the fourth batch, it is not.
    assert dense == [True] * 3 + [False] * 21
    assert_exactly(model, 0.8)


def test_kernels_initialized_with_zeros_are_not_masked():
    model = net()
    kernel = model.get_layer("logits").kernel
    kernel.assign(np.zeros(kernel.shape))
    fit(model, Sparsify(final_sparsity=0.5, begin_step=8))
    assert np.sum(kernel.numpy() != 0) == kernel.numpy().size // 2


def test_user_constraints_apply_and_are_restored():
    unit = keras.constraints.UnitNorm(axis=[0, 1, 2])
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, kernel_constraint=unit, name="conv"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, name="logits"),
        ]
    )
    model = net(model=model)
    watch = Watch()
    fit(model, Sparsify(final_sparsity=0.5, schedule="constant"), watch)
    conv = model.get_layer("conv")
    assert conv.kernel.constraint is unit
    assert model.get_layer("logits").kernel.constraint is None
    assert_exactly(model, 0.5)
    # The norm is constrained before the mask is applied.
    norms = np.linalg.norm(conv.kernel.numpy().reshape(-1, 8), axis=0)
    assert np.all(norms <= 1) and np.all(norms > 0.8)


def test_next_fit_is_dense_again():
    model = net()
    fit(model, Sparsify(final_sparsity=0.8))
    fit(model, epochs=1)
    assert sparsity_of(model)["total"] < 0.1


def test_masks_remain_after_an_error_until_restored():
    model, sparsify = net(), Sparsify(final_sparsity=0.8)
    with pytest.raises(KeyboardInterrupt):
        fit(model, sparsify, Watch(stop_after=0))
    kernel = model.get_layer("conv1").kernel
    assert kernel.constraint is not None
    fit(model, Sparsify(final_sparsity=0.8))
    assert kernel.constraint is None
    with pytest.raises(KeyboardInterrupt):
        fit(model, sparsify, Watch(stop_after=0))
    sparsify.restore()
    assert kernel.constraint is None
    fit(model, epochs=1)
    assert sparsity_of(model)["total"] < 0.1


def test_file_saved_during_training_has_no_masks(tmp_path):
    path = tmp_path / "{epoch}.keras"
    model = net()
    fit(
        model,
        Sparsify(final_sparsity=0.8),
        keras.callbacks.ModelCheckpoint(path),
    )
    first, last = (
        keras.models.load_model(tmp_path / f"{epoch}.keras", safe_mode=True)
        for epoch in (1, 3)
    )
    tiny.assert_same_weights(tiny.weights(model), tiny.weights(last))
    assert 0 < sparsity_of(first)["total"] < 0.8
    for loaded in (first, last):
        assert all(k.constraint is None for _, k in choose_kernels(loaded))
        ours, theirs = (m.get_layer("conv1") for m in (model, loaded))
        assert theirs.get_config() == ours.get_config()


class Wrapper(keras.Model):
    """A model that trains another one, as a distiller does."""

    def __init__(self, student):
        super().__init__()
        self.student = student
        self.own = layers.Dense(4, name="own")

    def call(self, inputs):
        return self.student(inputs) + 0 * self.own(self.student(inputs))


def test_student_of_the_fitted_model_is_made_sparse():
    student = tiny.plain_net(width=8, norm=False)
    fit(net(model=Wrapper(student)), Sparsify(final_sparsity=0.8))
    assert_exactly(student, 0.8)


def test_model_argument_selects_another_model():
    student = tiny.plain_net(width=8, norm=False)
    wrapper = Wrapper(student)
    wrapper(IMAGES)
    fit(net(model=wrapper), Sparsify(final_sparsity=0.8, model=wrapper))
    assert np.sum(wrapper.own.kernel.numpy() == 0) == 13
    other = tiny.plain_net()
    with pytest.raises(ValueError, match="that the optimizer updates"):
        fit(net(model=wrapper), Sparsify(final_sparsity=0.8, model=other))


def test_two_of_every_four_input_channels():
    model = net()
    fit(model, Sparsify(final_sparsity=0.5, m_by_n=(2, 4)))
    assert np.sum(model.get_layer("conv1").kernel.numpy() == 0) == 0
    kernel = model.get_layer("conv2").kernel.numpy()  # (3, 3, 8, 16)
    groups = kernel.transpose(3, 0, 1, 2).reshape(-1, 4)
    assert np.all(np.sum(groups == 0, axis=1) == 2)
    dense = model.get_layer("logits").kernel.numpy()  # (16, 4)
    assert np.all(np.sum(dense.T.reshape(-1, 4) == 0, axis=1) == 2)


def test_blocks_are_zero_or_nonzero_together():
    model = net()
    sparsify = Sparsify(
        final_sparsity=0.5,
        block_size=(4, 2),
        layers=layers.Dense,
    )
    fit(model, sparsify)
    kernel = model.get_layer("logits").kernel.numpy()  # (16, 4)
    blocks = kernel.reshape(4, 4, 2, 2).transpose(0, 2, 1, 3).reshape(8, 8)
    dead = np.sum(blocks == 0, axis=1)
    assert sorted(dead) == [0] * 4 + [8] * 4


def test_patterns_and_steps_are_checked_before_the_first_step():
    model = net()
    before = tiny.weights(model)
    with pytest.raises(ValueError, match="rank 2 only"):
        fit(model, Sparsify(final_sparsity=0.5, block_size=(2, 2)))
    with pytest.raises(ValueError, match="No layer is left"):
        fit(model, Sparsify(final_sparsity=0.5, layers="nothing"))
    with pytest.raises(ValueError, match="Unknown sparsity schedule"):
        Sparsify(final_sparsity=0.5, schedule="cubic")
    with pytest.raises(ValueError, match="Invalid value for `m_by_n`"):
        Sparsify(final_sparsity=0.5, m_by_n=(4, 2))
    tiny.assert_same_weights(before, tiny.weights(model))


def test_unknown_epoch_length_needs_end_step():
    def batches():
        for start in range(0, 32, 4):
            yield IMAGES[start : start + 4], LABELS[start : start + 4]

    model = net()
    with pytest.raises(ValueError, match="number of steps in an epoch"):
        model.fit(
            batches(), verbose=0, callbacks=[Sparsify(final_sparsity=0.5)]
        )
    model.fit(
        batches(),
        verbose=0,
        callbacks=[Sparsify(final_sparsity=0.5, end_step=6)],
    )
    assert_exactly(model, 0.5)


def run(code, **environment):
    variables = {k: v for k, v in os.environ.items() if "KERAS" not in k}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**variables, **environment, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()


KERAS_AROUND_TFMOT = """
    import os
    import keras
    import tfdcu.sparsity.sparsify as sparsity
    import sys
    print("tensorflow_model_optimization" in sys.modules)
    sparsity._tfmot()
    import tensorflow as tf
    print(os.environ.get("TF_USE_LEGACY_KERAS"), keras.__version__[0])
    print(getattr(tf, "keras").layers.Layer.__module__.split(".")[0])
"""


def test_importing_tfmot_keeps_keras_3():
    assert run(KERAS_AROUND_TFMOT) == ["False", "None", "3", "keras"]


@pytest.mark.slow
def test_importing_tfmot_keeps_legacy_keras():
    received = run(KERAS_AROUND_TFMOT, TF_USE_LEGACY_KERAS="1")
    assert received == ["False", "1", "3", "tf_keras"]


@pytest.mark.slow
def test_masks_on_two_mirrored_devices():
    code = """
    import numpy as np, tensorflow as tf, keras
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from tests.sparsity import test_sparsify as here
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = here.net()
    here.fit(model, here.Sparsify(final_sparsity=0.8))
    here.assert_exactly(model, 0.8)
    print("exact")
    """
    assert run(code)[-1] == "exact"
