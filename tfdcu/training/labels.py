"""Loss and metrics on labels, by what an output answers."""

import keras


def label_loss(kind="classes"):
    """The usual loss on labels.

    Args:
        kind: "classes", "labels" or "values", see `tfdcu/graph/ends.py`.
            Defaults to "classes".

    Returns:
        A `keras.losses.Loss`, on logits unless the output is of values.
    """
    if kind == "values":
        return keras.losses.MeanSquaredError()
    if kind == "labels":
        return keras.losses.BinaryCrossentropy(from_logits=True)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def label_metrics(metrics, kind="labels"):
    """Metrics of an output, as its answers are counted.

    Args:
        metrics: A list as in `keras.Model.compile`, or `None`.
        kind: What the output answers. Defaults to "labels".

    Returns:
        The same, for "labels" with "accuracy" as the share of right labels:
        Keras would compare logits with 0.5.
    """
    if kind != "labels":
        return metrics
    return metrics and [
        keras.metrics.BinaryAccuracy(name=metric, threshold=0.0)
        if metric in ("accuracy", "binary_accuracy")
        else metric
        for metric in metrics
    ]
