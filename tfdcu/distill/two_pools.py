"""A `keras.Model` base class for batches of `((image, label), unlabeled)`."""

import keras
import tensorflow as tf

from tfdcu.distill.distributed import as_rows
from tfdcu.distill.distributed import batch_spec
from tfdcu.graph.keras_private import OwnBatches


class TwoPools(OwnBatches):
    """A model trained on batches of `((image, label), unlabeled)`.

    Overrides what assumes batches of `(x, y)` in Keras. A subclass defines
    `train_step`. Evaluation is that of Keras, on `(image, label)`, and logs
    only the compiled metrics.

    Attributes:
        trackers: Dict from the name of each loss term to a
            `keras.metrics.Mean`, set by the subclass.
        untracked: Names of metrics of Keras that are not logged.
    """

    untracked = ()

    def logged(self, loss, terms, labeled=None):
        """Update the metrics and return the logs of a training step.

        Args:
            loss: Float scalar of this batch.
            terms: Dict of float scalars, at least one per tracker.
            labeled: Arguments of the compiled metrics, (images, labels,
                logits, sample weights or `None`); `None` without labels.

        Returns:
            Dict from names to scalars, passed through `as_rows`.
        """
        self.loss_metric().update_state(loss)
        for name, tracker in self.trackers.items():
            tracker.update_state(terms[name])
        if labeled is None:
            logs = self.term_results()
        else:
            logs = self.compute_metrics(*labeled)
        return as_rows(logs, self.distribute_strategy)

    def test_step(self, data):
        logs = super().test_step(data)
        logs = {k: v for k, v in logs.items() if k not in self.trackers}
        return as_rows(logs, self.distribute_strategy)

    def get_metrics_result(self):
        # Compiled metrics are not built until a batch has labels.
        if not self.compiled_metrics_built():
            return self.term_results()
        results = super().get_metrics_result()
        # Of several outputs Keras tracks losses that it does not compute here.
        return {k: v for k, v in results.items() if k not in self.untracked}

    def term_results(self):
        """The loss and its terms, without the compiled metrics."""
        metrics = [self.loss_metric(), *self.trackers.values()]
        return {metric.name: metric.result() for metric in metrics}

    def logs_of_epoch(self, logs):
        # Keras would return the step's logs because their names differ; those
        # average over replicas whatever number of images each had.
        results = self.get_metrics_result()
        return {k: results.get(k, v) for k, v in logs.items()}

    def example_of(self, dataset):
        return batch_spec(dataset)

    def build_like(self, data):
        # Keras would interpret `((x, y), u)` as `(x, y)`.
        labeled, _, _ = split_pools(data)
        if labeled:
            self.build_as_keras(labeled)
        elif not self.optimizer.built:
            # Loss and metrics are built once a batch has labels.
            self.optimizer.build(self.trainable_variables)


def split_pools(data):
    """Split a batch into (labeled or `None`, unlabeled, targets or `None`).

    `((x, y[, weight]), u)` gives `((x, y, weight), u, None)`, `(u,)` gives
    `(None, u, None)`, `((x, y), u, targets)` gives all three, and
    `((), u, targets)` is a batch with targets and without labels. An
    evaluation batch `(x, y)` gives `((x, y, None), None, None)`.
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
    """Concatenate the images of both pools, labeled images first.

    Args:
        labeled, pool: As returned by `split_pools`.

    Returns:
        Tensor (batch, height, width, channels), float32 or wider.

    Raises:
        ValueError: If there are no unlabeled images.
    """
    if pool is None:
        raise ValueError(
            "The batch has no unlabeled images. Expected: batches of ((image, "
            "label), unlabeled), as `training_batches` returns, or of "
            "(unlabeled,). Received: batches of (image, label)"
        )
    parts = [pool] if labeled is None else [labeled[0], pool]
    dtype = keras.backend.result_type("float32", *[p.dtype for p in parts])
    parts = [tf.cast(part, dtype) for part in parts]
    return parts[0] if labeled is None else tf.concat(parts, axis=0)
