"""What the student and its original hold of all images, layer by layer."""

import numpy as np
import tensorflow as tf
from keras import tree

from tfdcu.graph.batches import batches
from tfdcu.graph.execute import execute_part
from tfdcu.graph.execute import tensors_between
from tfdcu.pruning.blocks import Blocks
from tfdcu.pruning.blocks import tensor_of

# Most bytes of activations that are kept of all images together.
MEMORY = 640 * 2**20
# Most bytes of a batch before any layer; inside of layers it takes a few times
# as much.
_BATCH = 16 * 2**20


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
        self._kept, self._at, self._blocks = None, 0, Blocks()
        one = next(self._inputs(1), None)
        if one is None:
            raise ValueError(
                "A model cannot be reconstructed without data. Expected at "
                "least one batch of unlabeled images. Received: none."
            )
        values = [one, one]
        self._steps, self.shapes, self._bytes = [], [], [_bytes(one)]
        self._apart = []
        for start, stop in zip(self.stops, self.stops[1:]):
            self._steps.append(_compiled(graphs, values, start, stop))
            values = self._steps[-1](values)
            tensors = [tensors_between(graph, stop) for graph in graphs]
            apart = [_varies(t) or t.constant for t in tensors[0]]
            self._apart.append(all(apart))
            named = zip(tensors[0], values[0])
            self.shapes.append({id(t): tuple(v.shape) for t, v in named})
            pairs = zip(tree.flatten(tensors), tree.flatten(values))
            self._bytes.append(_bytes([v for t, v in pairs if _varies(t)]))
        self.num_images = sum(len(x[0]) for x in self._inputs(32))

    def fit(self, number):
        """Whether what is known before a stop fits, of all images."""
        fits = self._bytes[number + 1] * self.num_images <= MEMORY
        return self._apart[number] and fits

    def before(self, number, every=1):
        """Runs both models up to a stop.

        Args:
            number: Number of the stop.
            every: 1 for all batches, 2 for every second, and so on.

        Yields:
            For each batch, two dicts from the identity of a `Tensor` to its
            value: the student's and the original's. They are emptied before
            the next batch.
        """
        place = number + 1
        tensors = [tensors_between(g, self.stops[place]) for g in self.graphs]
        steps = self._steps[self._at : place]
        keep = every == 1 and self.fit(number)
        kept, parts = [], []
        varying = [_varies(tensor) for tensor in tensors[0]]
        self._blocks.limit(self._most(place))

        def rows(values):
            return len(values[0][varying.index(True)])

        for values in self._batches(every, keep):
            for step in steps:
                values = step(values)
            known = [
                {id(t): v for t, v in zip(*pair)}
                for pair in zip(tensors, values)
            ]
            yield known
            if keep:
                parts.append(values)
                # Batches grow with what the next layers allow.
                if sum(map(rows, parts)) >= self._size(place):
                    kept.append(self._joined(parts, tensors))
                    parts = []
            # Before the next batch takes as much.
            values = None
            for of_model in known:
                of_model.clear()
        if keep:
            if parts:
                kept.append(self._joined(parts, tensors))
            self._kept, self._at = kept, place

    def _batches(self, every, forget):
        """Every so many batches of what is known where the steps begin."""
        if self._kept is None:
            for index, inputs in enumerate(self._inputs(self._size(0))):
                if index % every == 0:
                    yield [inputs, inputs]
            return
        for index in range(0, len(self._kept), every):
            yield self._taken(index, forget)

    def _taken(self, index, forget):
        """A batch of what is kept, which nothing else holds if forgotten."""
        values = self._kept[index]
        if forget:
            self._kept[index] = None
        return tree.map_structure(tensor_of, values)

    def _joined(self, parts, tensors):
        """Batches as one: two lists of arrays, and of constant tensors."""

        def joined(tensor, values):
            return self._blocks.joined(values) if _varies(tensor) else values[0]

        return [
            [joined(*pair) for pair in zip(known, zip(*lists))]
            for known, lists in zip(tensors, zip(*parts))
        ]

    def _most(self, place):
        """Most bytes of all images that are kept at once, from a place on."""
        numbers = range(place - 1, len(self.stops) - 1)
        kept = [self._bytes[n + 1] for n in numbers if self.fit(n)]
        return max(kept, default=0) * self.num_images

    def _size(self, place):
        """Images a batch, from a place to the next that may be kept."""
        last = place + 1
        while last < len(self.stops) - 1 and not self.fit(last - 1):
            last += 1
        largest = max(self._bytes[place : last + 1])
        return int(np.clip(_BATCH // largest, 1, 256))

    def _inputs(self, size):
        """Batches of the images, each a list of one tensor a model input."""
        tensors = self.graphs[0].inputs
        for batch in batches(self._source[0], size, self._source[1]):
            yield [
                tf.cast(part, t.dtype)
                for part, t in zip(tree.flatten(batch), tensors)
            ]


def _compiled(graphs, values, start, stop):
    """A step of both models: function of two lists of values to two lists."""

    def of(graph, known):
        # A weight of a custom layer may be a scalar.
        specs = [
            tf.TensorSpec([None, *v.shape[1:]][: len(v.shape)], v.dtype)
            for v in known
        ]

        @tf.function(input_signature=[specs], autograph=False)
        def step(known):
            return execute_part(graph, known, start, stop)

        # TensorFlow would warn of many functions that are traced once each.
        return step.get_concrete_function()

    steps = [of(*pair) for pair in zip(graphs, values)]
    return lambda values: [step(known) for step, known in zip(steps, values)]


def _varies(tensor):
    """Whether a `Tensor` has an axis of images."""
    return bool(tensor.shape) and tensor.shape[0] is None


def _bytes(values):
    return sum(
        v.dtype.size * int(np.prod(v.shape)) for v in tree.flatten(values)
    )
