"""Zeros in the weights while a model trains: TFMOT's engine for Keras 3."""

import os
import warnings

import keras
import tensorflow as tf

from tfdcu.sparsity.kernels import choose_kernels
from tfdcu.sparsity.kernels import share_of_zeros
from tfdcu.sparsity.mask import Mask
from tfdcu.sparsity.pattern import check_kernels
from tfdcu.sparsity.pattern import check_pattern
from tfdcu.sparsity.schedule import SparsitySchedule
from tfdcu.sparsity.schedule import check_plan


class Sparsify(keras.callbacks.Callback):
    """Sets the smallest weights to zero during training and keeps them there.

    Put it into any `model.fit`. The masks come from TensorFlow Model
    Optimization (TFMOT 0.8: `pruning_impl.Pruning` and its schedules, after
    Zhu and Gupta 2017, arXiv:1710.01878), whose own door,
    `prune_low_magnitude`, takes models of Keras 2 only. Ours is the way in: a
    mask is the kernel's `constraint` for the time of training, so the
    optimizer itself applies it after every update inside the compiled step,
    and neither momentum nor weight decay brings a zero back. Every few steps,
    as the schedule says, the masks are drawn anew from the weights'
    magnitudes, each kernel for itself.

    If the fitted model has a `student` that is a `keras.Model`, as
    `AlignedDistiller` has, that one is made sparse; else the fitted model.
    A constraint of the user's own stays in force before the mask. After
    training the constraints are what they were, and a `.keras` file saved on
    the way knows nothing of masks.

    Steps are optimizer updates since epoch 0: a run that is stopped and goes
    on with `fit(..., initial_epoch=k)` goes on in the schedule, and finds its
    masks in the exact zeros of the kernels, so nothing else need be stored.
    (A kept weight that happens to be exactly 0.0 then counts as masked.)

    Put it first in the list of callbacks, so that the others find
    `"sparsity"` in the epoch's logs. Callbacks that exchange weights act on
    them unmasked: `EarlyStopping(restore_best_weights=True)` may bring back
    an earlier, less sparse epoch, and a resume does not find its masks in
    what `SwapEMAWeights` has swapped in.

    Args:
        final_sparsity: share of zeros in each kernel at the end, in [0, 1).
        schedule: `"polynomial"` (from `initial_sparsity` up, fast, then
            slowly, power 3), `"constant"` (`final_sparsity` from `begin_step`
            on), or a TFMOT schedule object, which then holds the steps
            itself. Defaults to `"polynomial"`.
        initial_sparsity: share at `begin_step`, polynomial only. Defaults
            to 0.
        begin_step: first step with zeros. Defaults to 0.
        end_step: the step at which `final_sparsity` is reached. Defaults to
            three quarters of the planned steps (`epochs` times steps an
            epoch) after `begin_step`, so that the last quarter trains what is
            left; ours. Needed where an epoch's length is not known, and where
            training is a chain of short `fit` calls.
        frequency: steps from one move of the masks to the next. Defaults to
            a fiftieth of the way from begin to end, at most 100.
        block_size: `(rows, columns)` of blocks that live or die together;
            rank-2 kernels only. Defaults to `(1, 1)`.
        block_pooling: `"AVG"` or `"MAX"`, a block's magnitude.
        m_by_n: `(2, 4)` sets 2 of every 4 consecutive input channels to zero,
            once, at `begin_step`; `final_sparsity` must say the same, 0.5.
            A rest shorter than n (3 input channels) holds fewer zeros.
        layers: names, patterns such as `"stage3_*"` or layer classes, one or
            a list. Defaults to every trainable convolution and dense layer;
            depthwise kernels are never made sparse.
        exclude: the same, taken away again.
        model: the `keras.Model` to make sparse, if it is neither the fitted
            one nor its `student`.

    Raises:
        ValueError: an argument out of range, at once; no layer that matches,
            layers that are not built or not trained by this `fit`, patterns
            that do not suit the kernels, or an unknown number of steps, when
            training begins.

    If training ends in an error, Keras calls no callback and the masks stay
    in force. `restore()` takes them off; so does the next `fit` with a
    `Sparsify` of the same layers.

    Example:

    ```python
    model.fit(x, y, epochs=20, callbacks=[tfdcu.Sparsify(final_sparsity=0.8)])
    ```
    """

    def __init__(
        self,
        model=None,
        *,
        final_sparsity,
        schedule="polynomial",
        initial_sparsity=0.0,
        begin_step=0,
        end_step=None,
        frequency=None,
        block_size=(1, 1),
        block_pooling="AVG",
        m_by_n=None,
        layers=None,
        exclude=(),
    ):
        super().__init__()
        self.final_sparsity = final_sparsity
        self.schedule = schedule
        self.initial_sparsity = initial_sparsity
        self.begin_step = begin_step
        self.end_step = end_step
        self.frequency = frequency
        self.block_size = tuple(block_size)
        self.block_pooling = str(block_pooling).upper()
        self.m_by_n = None if m_by_n is None else tuple(m_by_n)
        self.layers = layers
        self.exclude = exclude
        self.target = model
        self._masks = []
        check_plan(
            final_sparsity,
            schedule,
            initial_sparsity,
            begin_step,
            end_step,
            frequency,
        )
        check_pattern(
            final_sparsity, self.block_size, self.block_pooling, self.m_by_n
        )

    def on_train_begin(self, logs=None):
        self.restore()
        chosen = choose_kernels(self._target(), self.layers, self.exclude)
        check_kernels(chosen, self.model, self.block_size, self.m_by_n)
        pruning_impl, schedules = _tfmot()
        self._plan = SparsitySchedule(
            schedules,
            self.schedule,
            self.final_sparsity,
            self.initial_sparsity,
            self.begin_step,
            self.end_step,
            self.frequency,
            self.params,
            once=self.m_by_n is not None,
        )
        # Mirrored kernels need mirrored masks.
        with self.model.distribute_strategy.scope():
            self._masks = [Mask(kernel) for _, kernel in chosen]
        self._engine = pruning_impl.Pruning(
            lambda: tf.constant(self._engine_step, tf.int64),
            [(m.kernel.value, m.mask, m.threshold) for m in self._masks],
            # When to move is decided here, once for all kernels.
            lambda step: (tf.constant(True), self._plan.schedule(step)[1]),
            self.block_size,
            self.block_pooling,
            self.m_by_n,
        )
        self._origin = None
        self._fitted = self.model
        # `fit` has made its step by now, and a step of an earlier `fit` was
        # compiled without the masks.
        self.model.train_function = None
        self.model.make_train_function()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._new_epoch = True

    def on_train_batch_begin(self, batch, logs=None):
        if self._new_epoch:
            self._new_epoch = False
            self._find_step(batch)

    def on_train_batch_end(self, batch, logs=None):
        if self._base + batch + 1 >= self._next:
            self._arrive(batch)

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["sparsity"] = share_of_zeros([m.kernel for m in self._masks])

    def on_train_end(self, logs=None):
        if self._origin is None:
            self.restore()
            return
        # An optimizer's average of the weights, written back by now, is dense.
        for mask in self._masks:
            mask.cut()
        reached, step = self._plan.reached_at, self._step()
        if step < reached:
            share = share_of_zeros([m.kernel for m in self._masks])
            warnings.warn(
                f"Training ended at step {step}, before the sparsity schedule "
                f"did at step {reached}: {share:.1%} of the chosen weights "
                f"are zero, not {self.final_sparsity:.1%}.",
                stacklevel=2,
            )
        self.restore()

    def restore(self):
        """Gives every kernel the constraint that it had before training."""
        for mask in self._masks:
            mask.remove()
        if self._masks:
            self._masks = []
            # The compiled step holds the masks; the next `fit` makes another.
            self._fitted.train_function = None

    def _target(self):
        if self.target is not None:
            return self.target
        student = getattr(self.model, "student", None)
        return student if isinstance(student, keras.Model) else self.model

    def _find_step(self, batch):
        """Counts from the optimizer once an epoch, from batches within it."""
        if self._origin is None:
            self._origin = 0
            steps = self.params.get("steps")
            if steps or not self._epoch:
                self._origin = self._step() - self._epoch * (steps or 0)
            self._recover(self._step())
        self._base = self._step() - batch

    def _recover(self, step):
        """Takes up the masks where an earlier part of this run left them."""
        if self._plan.due_after(-1) < step:
            for mask in self._masks:
                mask.recover()
        if self._plan.due_after(step - 1) == step:
            self._move(step)
        self._next = self._plan.due_after(step)

    def _arrive(self, batch):
        step = self._step()
        # Batches and updates differ when a step is skipped, as loss scaling
        # does on infinite gradients.
        self._base = step - batch - 1
        if step >= self._next:
            self._move(step)
            self._next = self._plan.due_after(step)

    def _move(self, step):
        # The engine draws m-by-n masks at its step 1 only.
        self._engine_step = 1 if self.m_by_n else step
        with self.model.distribute_strategy.scope():
            self._engine.conditional_mask_update()
        for mask in self._masks:
            mask.cut()

    def _step(self):
        iterations = keras.ops.convert_to_numpy(self.model.optimizer.iterations)
        return int(iterations) - (self._origin or 0)


def _tfmot():
    """TFMOT's engine and schedules; the process' Keras stays what it was."""
    # Importing TFMOT turns this switch on, for child processes as well, and
    # TensorFlow's own `keras` follows it at its first use: settle that first.
    legacy = os.environ.get("TF_USE_LEGACY_KERAS")
    getattr(tf, "keras").__name__
    try:
        from tensorflow_model_optimization.python.core.sparsity.keras import (
            pruning_impl,
        )
        from tensorflow_model_optimization.python.core.sparsity.keras import (
            pruning_schedule,
        )
    finally:
        if legacy is None:
            os.environ.pop("TF_USE_LEGACY_KERAS", None)
        else:
            os.environ["TF_USE_LEGACY_KERAS"] = legacy
    return pruning_impl, pruning_schedule
