"""`Sparsify`: TFMOT weight pruning as a Keras 3 callback."""

import os
import warnings

import keras
import tensorflow as tf

from tfdcu.renamed import explain_renamed
from tfdcu.sparsity.kernels import choose_kernels
from tfdcu.sparsity.kernels import share_of_zeros
from tfdcu.sparsity.mask import Mask
from tfdcu.sparsity.pattern import check_kernels
from tfdcu.sparsity.pattern import check_pattern
from tfdcu.sparsity.pattern import check_trained
from tfdcu.sparsity.schedule import SparsitySchedule
from tfdcu.sparsity.schedule import check_schedule
from tfdcu.workdir.arguments import LAYERS
from tfdcu.workdir.arguments import MODEL
from tfdcu.workdir.arguments import check
from tfdcu.workdir.percent import percent


class Sparsify(keras.callbacks.Callback):
    """Sets the smallest weights to zero during training and keeps them there.

    Pass it to any `model.fit`. The masks come from TensorFlow Model
    Optimization (TFMOT 0.8: `pruning_impl.Pruning` and its schedules, after
    Zhu and Gupta 2017, arXiv:1710.01878), whose own `prune_low_magnitude`
    supports only Keras 2. During training a mask is the `constraint` of a
    kernel, so the optimizer applies it after every update inside the compiled
    step, and neither momentum nor weight decay changes a zero. The masks are
    updated every few steps, as the schedule says, from the magnitudes of the
    weights in each kernel.

    If the fitted model has a `student` that is a `keras.Model`, as
    `AlignedDistiller` has, the student is made sparse; else the fitted model.
    A constraint set by the user is applied before the mask. After training
    the original constraints are restored; a `.keras` file saved during
    training does not contain masks.

    Steps are optimizer updates since epoch 0: a run that is resumed with
    `fit(..., initial_epoch=k)` continues the schedule and reads its masks
    from the exact zeros of the kernels, so nothing else needs to be saved. (A
    weight that happens to be exactly 0.0 then counts as masked.)

    Put it first in the list of callbacks, so that the others find
    `"sparsity"` in the epoch's logs. Callbacks that replace weights bypass
    the masks: `EarlyStopping(restore_best_weights=True)` may restore an
    earlier, less sparse epoch, and a resumed run cannot read its masks from
    weights that `SwapEMAWeights` has swapped in.

    Args:
        final_sparsity: share of zeros in each kernel at the end, in [0, 1).
        schedule: `"polynomial"` (from 0 at `begin_step` up, first fast, then
            slowly, power 3), `"constant"` (`final_sparsity` from `begin_step`
            on), or a TFMOT schedule object, which has its own steps. Defaults
            to `"polynomial"`.
        begin_step: first step with zeros. Defaults to 0.
        end_step: step at which `final_sparsity` is reached. Defaults to three
            quarters of the steps (`epochs` times steps per epoch) after
            `begin_step`, so that the last quarter trains the remaining
            weights. Required if the length of an epoch is unknown, or if
            training is a series of short `fit` calls.
        frequency: steps between mask updates. Defaults to a fiftieth of the
            steps from begin to end, at most 100.
        block_size: `(rows, columns)` of blocks that are set to zero together,
            by their mean magnitude; rank-2 kernels only. Defaults to `(1, 1)`.
        m_by_n: `(2, 4)` sets 2 of every 4 consecutive input channels to zero,
            once, at `begin_step`; `final_sparsity` must agree (0.5). A
            remainder shorter than n (3 input channels) has fewer zeros.
            Defaults to `None`.
        layers: names, patterns such as `"stage3_*"` or layer classes, one or
            a list. Defaults to every trainable convolution and dense layer;
            depthwise kernels are never made sparse.
        exclude: layers to leave out, likewise.
        model: the `keras.Model` to make sparse, if it is neither the fitted
            model nor its `student`.

    Raises:
        ValueError: an argument is out of range; or, when training begins, no
            layer matches, layers are not built or not trained by this `fit`,
            a pattern does not fit the kernels, or the number of steps is
            unknown.

    If training ends in an error, Keras calls no callback and the masks remain.
    Remove them with `restore()`, or with the next `fit` with a `Sparsify` of
    the same layers.

    Example:

    ```python
    model.fit(x, y, epochs=20, callbacks=[tfdcu.Sparsify(final_sparsity=0.8)])
    ```
    """

    @explain_renamed("sparsity")
    def __init__(
        self,
        model=None,
        layers=None,
        begin_step=0,
        end_step=None,
        frequency=None,
        *,
        final_sparsity,
        schedule="polynomial",
        block_size=(1, 1),
        m_by_n=None,
        exclude=(),
    ):
        super().__init__()
        check("model", model, MODEL, optional=True)
        check("layers", layers, LAYERS, optional=True)
        if not isinstance(exclude, (list, tuple)) or exclude:
            check("exclude", exclude, LAYERS)
        check_schedule(
            final_sparsity,
            schedule,
            begin_step,
            end_step,
            frequency,
        )
        check_pattern(final_sparsity, block_size, m_by_n)
        self.final_sparsity = final_sparsity
        self.schedule = schedule
        self.begin_step = begin_step
        self.end_step = end_step
        self.frequency = frequency
        self.block_size = tuple(block_size)
        self.m_by_n = None if m_by_n is None else tuple(m_by_n)
        self.layers = layers
        self.exclude = exclude
        self.target = model
        self._masks = []

    def check(self, model):
        """Raises the errors of a training that the layers can cause.

        Args:
            model: A built `keras.Model` of these layers, frozen or not.

        Raises:
            ValueError: As the class docstring says.
        """
        chosen = choose_kernels(model, self.layers, self.exclude, frozen=True)
        check_kernels(chosen, self.block_size, self.m_by_n)

    def on_train_begin(self, logs=None):
        self.restore()
        chosen = choose_kernels(self._target(), self.layers, self.exclude)
        check_trained(chosen, self.model)
        check_kernels(chosen, self.block_size, self.m_by_n)
        pruning_impl, schedules = _tfmot()
        self._plan = SparsitySchedule(
            schedules,
            self.schedule,
            self.final_sparsity,
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
            # `SparsitySchedule` decides when to update, for all kernels.
            lambda step: (tf.constant(True), self._plan.schedule(step)[1]),
            self.block_size,
            "AVG",
            self.m_by_n,
        )
        self._origin = None
        self._fitted = self.model
        # By now `fit` has built its train function, or reuses one that was
        # compiled without the masks: build it again.
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
            self._update_if_due(batch)

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["sparsity"] = share_of_zeros([m.kernel for m in self._masks])

    def on_train_end(self, logs=None):
        if self._origin is None:
            self.restore()
            return
        # Averaged weights, which the optimizer has written back, are dense.
        for mask in self._masks:
            mask.cut()
        reached, step = self._plan.reached_at, self._step()
        if step < reached:
            share = share_of_zeros([m.kernel for m in self._masks])
            warnings.warn(
                f"Training ended at step {step}, before the sparsity schedule "
                f"ended at step {reached}: {percent(share, 1)} of the chosen "
                f"weights are zero, not {percent(self.final_sparsity, 1)}.",
                stacklevel=2,
            )
        self.restore()

    def restore(self):
        """Restores the constraint of every kernel from before training."""
        for mask in self._masks:
            mask.remove()
        if self._masks:
            self._masks = []
            # The compiled step uses the masks; the next `fit` builds another.
            self._fitted.train_function = None

    def _target(self):
        if self.target is not None:
            return self.target
        student = getattr(self.model, "student", None)
        return student if isinstance(student, keras.Model) else self.model

    def _find_step(self, batch):
        """Reads the step from the optimizer, once per epoch."""
        if self._origin is None:
            self._origin = 0
            steps = self.params.get("steps")
            if steps or not self._epoch:
                self._origin = self._step() - self._epoch * (steps or 0)
            self._recover(self._step())
        self._base = self._step() - batch

    def _recover(self, step):
        """Restores the masks of an earlier part of this run."""
        if self._plan.due_after(-1) < step:
            for mask in self._masks:
                mask.recover()
        if self._plan.due_after(step - 1) == step:
            self._update_masks(step)
        self._next = self._plan.due_after(step)

    def _update_if_due(self, batch):
        step = self._step()
        # A batch may have no update: loss scaling skips infinite gradients.
        self._base = step - batch - 1
        if step >= self._next:
            self._update_masks(step)
            self._next = self._plan.due_after(step)

    def _update_masks(self, step):
        # TFMOT computes m-by-n masks at its step 1 only.
        self._engine_step = 1 if self.m_by_n else step
        with self.model.distribute_strategy.scope():
            self._engine.conditional_mask_update()
        for mask in self._masks:
            mask.cut()

    def _step(self):
        iterations = keras.ops.convert_to_numpy(self.model.optimizer.iterations)
        return int(iterations) - (self._origin or 0)


def _tfmot():
    """TFMOT's `pruning_impl` and `pruning_schedule`; Keras stays Keras 3."""
    # Importing TFMOT sets this variable, also for child processes, and
    # TensorFlow's `keras` reads it at its first use: use it before the import.
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
