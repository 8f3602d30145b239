"""Recomputes BatchNormalization statistics on unlabeled images."""

import keras

from tfdcu.graph.batches import batches
from tfdcu.graph.execute import call_node
from tfdcu.graph.execute import execute
from tfdcu.graph.execute import infer_node
from tfdcu.graph.graph import read_graph
from tfdcu.graph.images import images_for
from tfdcu.workdir.arguments import COUNT
from tfdcu.workdir.arguments import check
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.arguments import naming


def reestimate_statistics(model, images, limit=2048, size=64):
    """Replaces moving means and variances by averages over the images.

    Use it after pruning, which shifts the statistics of the remaining
    channels. All other layers run in inference mode. The average is over
    batches of equal weight, so it does not depend on the momentum.

    Args:
        model: A functional or sequential `keras.Model`; changed in place.
        images: Unlabeled images in any form that `fit` takes; labels are not
            read.
        limit: Maximum number of images. Default 2048.
        size: Most images of a batch. Default 64.

    Returns:
        Number of batches used, an int.

    Raises:
        ValueError: If there are no images, or they do not fit the model.

    Example:

    >>> reestimate_statistics(student, pool_images)
    """
    check_arguments(model=model)
    check("limit", limit, COUNT)
    check("size", size, COUNT)
    graph = read_graph(model)
    with naming("images"):
        images = images_for(model, images, needed=True, limit=limit)
    kind = keras.layers.BatchNormalization
    norms = {id(n.op): n.op for n in graph.nodes if isinstance(n.op, kind)}
    momenta = {key: op.momentum for key, op in norms.items()}
    trainable = {key: op.trainable for key, op in norms.items()}
    calls, num_batches = {}, 0

    def call(node, args, kwargs):
        if isinstance(node.op, kind):
            seen = calls.get(id(node.op), 0)
            calls[id(node.op)] = seen + 1
            node.op.momentum = seen / (seen + 1)
            return call_node(node, args, {**kwargs, "training": True})
        return infer_node(node, args, kwargs)

    try:
        for op in norms.values():
            op.trainable = True
        for batch in batches(images, size, limit):
            execute(graph, batch, call)
            num_batches += 1
    finally:
        for key, op in norms.items():
            op.momentum, op.trainable = momenta[key], trainable[key]
    if not num_batches:
        raise ValueError(
            "BatchNormalization statistics cannot be re-estimated without "
            "`images`. Expected: at least one batch. Received: none."
        )
    return num_batches
