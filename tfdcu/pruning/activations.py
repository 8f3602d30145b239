"""What the student and its original hold of all images, layer by layer."""

import numpy as np
import tensorflow as tf
from keras import tree

from tfdcu.graph.execute import execute_part
from tfdcu.graph.execute import tensors_between
from tfdcu.pruning.batches import batches

# Most bytes of activations that are kept of all images together.
MEMORY = 768 * 2**20
# Most bytes of activations of a batch before one layer.
_BATCH = 128 * 2**20


class Activations:
    """Both models, run over the images from one layer to the next.

    What is known of all images before a layer is kept where it fits into
    `MEMORY`, and the next layers go on from there; before that, each layer
    is reached from the last place where it did, by some of the images.

    Args:
        graphs: The `Graph`s of the student and of its original, which have
            the same nodes.
        stops: Sorted numbers of the nodes to stop before.
        images: Unlabeled images, as in `batches`.
        limit: Most images.

    Attributes:
        num_images: How many there are.
        shapes: For each stop, a dict from the identity of a `Tensor` of the
            student to its shape for one image.

    Raises:
        ValueError: If there are no images.
    """

    def __init__(self, graphs, stops, images, limit):
        self.graphs, self.stops = graphs, [0, *stops]
        self._source = images, limit
        self._kept, self._at = None, 0
        self._size = 32
        one = self._first_image()
        self._steps = [
            _compiled(graphs, start, stop)
            for start, stop in zip(self.stops, self.stops[1:])
        ]
        values, self.shapes, self._bytes = [one, one], [], [_bytes([one])]
        for stop, step in zip(stops, self._steps):
            values = step(values)
            tensors = tensors_between(graphs[0], stop)
            self.shapes.append(
                {id(t): tuple(v.shape) for t, v in zip(tensors, values[0])}
            )
            self._bytes.append(_bytes(values))
        self._size = int(np.clip(_BATCH // max(self._bytes), 1, 128))
        self.num_images = self._count()

    def fit(self, number):
        """Whether what is known before a stop fits, of all images."""
        return self._bytes[number + 1] * self.num_images <= MEMORY

    def before(self, number, every=1):
        """Runs both models up to a stop.

        Args:
            number: Number of the stop.
            every: 1 for all batches, 2 for every second, and so on.

        Yields:
            For each batch, two dicts from the identity of a `Tensor` to its
            value: the student's and the original's.
        """
        tensors = [
            tensors_between(g, self.stops[number + 1]) for g in self.graphs
        ]
        steps = self._steps[self._at : number + 1]
        keep = every == 1 and self.fit(number)
        for index, values in enumerate(self._batches()):
            if index % every:
                continue
            for step in steps:
                values = step(values)
            if keep and self._kept is not None:
                self._kept[index] = values
            elif keep:
                made = [values] if not index else [*made, values]
            yield tuple(
                {id(t): v for t, v in zip(*pair)}
                for pair in zip(tensors, values)
            )
        if keep:
            self._kept = made if self._kept is None else self._kept
            self._at = number + 1

    def _batches(self):
        if self._kept is not None:
            for index in range(len(self._kept)):
                yield self._kept[index]
            return
        for inputs in self._inputs():
            yield [inputs, inputs]

    def _inputs(self):
        """Batches of the images, each a list of one tensor a model input."""
        specs = self.graphs[0].inputs
        for batch in batches(self._source[0], self._size, self._source[1]):
            parts = tree.flatten(batch)
            for start in range(0, len(parts[0]), self._size):
                yield [
                    tf.convert_to_tensor(
                        part[start : start + self._size], spec.dtype
                    )
                    for part, spec in zip(parts, specs)
                ]

    def _first_image(self):
        for inputs in self._inputs():
            return [part[:1] for part in inputs]
        raise ValueError(
            "A model cannot be reconstructed without data. Expected at least "
            "one batch of unlabeled images. Received: none."
        )

    def _count(self):
        return sum(len(inputs[0]) for inputs in self._inputs())


def _compiled(graphs, start, stop):
    """A step of both models: function of two lists of values to two lists."""

    @tf.function(reduce_retracing=True)
    def step(values):
        return [
            execute_part(graph, known, start, stop)
            for graph, known in zip(graphs, values)
        ]

    return step


def _bytes(values):
    return sum(
        v.dtype.size * int(np.prod(v.shape)) for v in tree.flatten(values)
    )
