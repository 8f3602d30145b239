"""Keras' loops for batches of two pools, where Keras would misread them."""

import keras
import tensorflow as tf

from tfdcu.distill.distributed import as_rows
from tfdcu.distill.distributed import batch_spec


class TwoPools(keras.Model):
    """A model that is trained on `((image, label), unlabeled)`.

    What Keras takes for granted of a batch, `(x, y)`, does not hold for these.
    A subclass has its own `train_step`; evaluation is Keras' own, on `(image,
    label)`, and logs the compiled metrics alone.

    Attributes:
        trackers: Dict from the names of the terms of the loss to a
            `keras.metrics.Mean` each, set by the subclass.
    """

    def logged(self, loss, terms, labeled=None):
        """The logs of a training step, means of the epoch so far.

        Args:
            loss: Float scalar of this batch.
            terms: Dict of float scalars, one for each tracker at least.
            labeled: What the compiled metrics see, (images, labels, logits,
                weights or `None`); `None` where nothing is labeled.

        Returns:
            Dict from names to scalars, or as `as_rows` makes of them.
        """
        self._loss_tracker.update_state(loss)
        for name, tracker in self.trackers.items():
            tracker.update_state(terms[name])
        if labeled is None:
            logs = self.own_results()
        else:
            logs = self.compute_metrics(*labeled)
        return as_rows(logs, self.distribute_strategy)

    def test_step(self, data):
        logs = super().test_step(data)
        logs = {k: v for k, v in logs.items() if k not in self.trackers}
        return as_rows(logs, self.distribute_strategy)

    def get_metrics_result(self):
        # Compiled metrics are not built before a batch had labels.
        metrics = self._compile_metrics
        if metrics is not None and not metrics.built:
            return self.own_results()
        return super().get_metrics_result()

    def own_results(self):
        """The loss and its terms, without the compiled metrics."""
        own = [self._loss_tracker, *self.trackers.values()]
        return {metric.name: metric.result() for metric in own}

    def _get_metrics_result_or_logs(self, logs):
        # Keras keeps to a step's logs where names differ, as `test_step`'s
        # do; those are a mean over replicas, however many images each had.
        results = self.get_metrics_result()
        return {k: results.get(k, v) for k, v in logs.items()}

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras leaves the metrics and the optimizer to the first trace of a
        # step, which it then traces again: ten seconds for a ResNet-56.
        # Under a strategy it would read a batch for its shapes: that moves the
        # order of the images on, and fails where replicas are elsewhere.
        if iterator is not None:
            data_batch = batch_spec(iterator.data_adapter.get_tf_dataset())
        with self.distribute_strategy.scope():
            self._symbolic_build(data_batch=data_batch)

    def _symbolic_build(self, iterator=None, data_batch=None):
        # Keras would take `((x, y), u)` for `(x, y)`.
        labeled, _, _ = split_pools(data_batch)
        if labeled:
            super()._symbolic_build(data_batch=labeled)
        elif not self.optimizer.built:
            # Loss and metrics wait for labels, of whichever kind these are.
            self.optimizer.build(self.trainable_variables)


def split_pools(data):
    """The parts of a batch as (labeled or `None`, pool, targets or `None`).

    `((x, y[, weight]), u)` gives `((x, y, weight), u, None)`, `(u,)` gives
    `(None, u, None)` and `((x, y), u, targets)` all three; without labels
    that is `((), u, targets)`. Evaluation batches `(x, y)` come back as
    `((x, y, None), None, None)`.
    """
    if not isinstance(data, (tuple, list)) or len(data) == 1:
        return None, keras.tree.flatten(data)[0], None
    if not isinstance(data[0], (tuple, list)):
        labeled, pool, targets = data, None, None
    else:
        labeled, pool, targets = (*data, None)[:3]
    if labeled:
        labeled = keras.utils.unpack_x_y_sample_weight(tuple(labeled))
    return labeled or None, pool, targets


def all_images(labeled, pool):
    """The images of both pools as one batch of floats, the labeled ones first.

    Args:
        labeled, pool: As `split_pools` gives them.

    Returns:
        Tensor (batch, height, width, channels), of float32 or more.

    Raises:
        ValueError: If there is no pool.
    """
    if pool is None:
        raise ValueError(
            "There is no pool to learn from. Expected: batches of ((image, "
            "label), unlabeled), as `training_batches` makes, or of "
            "(unlabeled,). Received: batches of (image, label)"
        )
    parts = [pool] if labeled is None else [labeled[0], pool]
    dtype = keras.backend.result_type("float32", *[p.dtype for p in parts])
    parts = [tf.cast(part, dtype) for part in parts]
    return parts[0] if labeled is None else tf.concat(parts, axis=0)
