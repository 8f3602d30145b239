"""A model at inference: compiled, in batches that fit in memory."""

import functools

import numpy as np
import tensorflow as tf
from keras import tree

from tfdcu.graph.graph import read_graph
from tfdcu.graph.parse import structure

# Bytes of the largest activation of a batch.
_LARGEST_ACTIVATION = 128 * 2**20
_MOST_IMAGES = 256
# Bytes of all activations of a batch, which gradients need together.
_ALL_ACTIVATIONS = 2**30


def compiled(model):
    """A model as a compiled function of images, at inference.

    Called op by op, Keras keeps every activation until the last one is there,
    which takes 11.5 GB for EfficientNet-Lite0 on 128 images of 224 px. A
    compiled graph frees each of them after its last use.

    Args:
        model: A functional `keras.Model`.

    Returns:
        A function from any number of images (batch, height, width, channels),
        of several inputs a list of arrays in the order of `model.inputs`, to
        what the model returns; large batches run in parts.
    """
    specs = [tf.TensorSpec((None, *x.shape[1:]), x.dtype) for x in model.inputs]

    @tf.function(autograph=False)
    def run(*images):
        given = tree.pack_sequence_as(structure(model, "input"), images)
        return model(given, training=False)

    # With one signature it is traced only once.
    run = run.get_concrete_function(*specs)

    # Read once: taking a model apart costs more than a small batch.
    at_once = functools.cache(lambda shape: images_at_once(model, shape))

    def call(images):
        inputs = [images] if len(specs) == 1 else images
        inputs = [tf.cast(x, spec.dtype) for x, spec in zip(inputs, specs)]
        size = at_once(tuple(n for x in inputs for n in x.shape[1:]))
        parts = [
            run(*(x[start : start + size] for x in inputs))
            for start in range(0, max(1, len(inputs[0])), size)
        ]
        return tree.map_structure(lambda *one: tf.concat(one, 0), *parts)

    return call


def images_at_once(model, image_shape):
    """How many images to run a model on at once.

    Args:
        model: A functional `keras.Model`.
        image_shape: (height, width, channels) of the images; of several
            inputs the sizes of all.

    Returns:
        Int in [1, 256]; the largest activation takes at most 128 MiB.
    """
    largest = max(_activation_sizes(read_graph(model), image_shape))
    return int(np.clip(_LARGEST_ACTIVATION // largest, 1, _MOST_IMAGES))


def images_with_gradients(graph, image_shape):
    """How many images to take gradients of at once.

    Args:
        graph: The `Graph` of the model.
        image_shape: As in `images_at_once`.

    Returns:
        Int in [1, 256]; all activations take at most 1 GiB together.
    """
    total = sum(_activation_sizes(graph, image_shape))
    return int(np.clip(_ALL_ACTIVATIONS // total, 1, _MOST_IMAGES))


def _activation_sizes(graph, image_shape):
    """Bytes of each tensor of a model for one image, in float32."""
    most = max(image_shape)

    def bytes_of(tensor):
        # Of an output that nothing uses the shape is not known.
        sizes = [size or most for size in (tensor.shape or ())[1:]]
        return 4 * tensor.rows * int(np.prod(sizes))

    return [bytes_of(t) for node in graph.nodes for t in node.outputs]
