"""Both models stream: the same values whatever is kept, in bounded memory."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras import ops
from keras import tree

from tests.support import tiny
from tfdcu.graph.batches import batches
from tfdcu.graph.graph import read_graph
from tfdcu.pruning import activations
from tfdcu.pruning import least_squares
from tfdcu.pruning import plan_channels
from tfdcu.pruning import prune_channels
from tfdcu.pruning import reconstruct
from tfdcu.pruning.activations import Activations

STOPS = "block1_1", "block1_2", "block2_1", "logits"


def make_student():
    model = tiny.residual_net()
    plan = plan_channels(model, macs=0.5, round_to=1)
    return plan, plan.apply()


def walk(graphs, images, limit=None, paths=STOPS):
    """An `Activations` and, by stop, all inputs of the layer of both models."""
    numbers = [
        next(i for i, n in enumerate(graphs[0].nodes) if n.path == path)
        for path in paths
    ]
    run = Activations(graphs, numbers, images, limit)
    for stop, number in enumerate(numbers):
        inputs = [graph.nodes[number].inputs[0] for graph in graphs]
        parts = [
            [values[id(t)].numpy() for values, t in zip(both, inputs)]
            for both in run.before(stop)
        ]
        yield run, paths[stop], [np.concatenate(p) for p in zip(*parts)]


@pytest.mark.parametrize("memory", [0, 20_000, 100_000, 2**30])
def test_layers_get_what_the_models_compute_within_the_memory(
    memory, monkeypatch
):
    monkeypatch.setattr(activations, "MEMORY", memory)
    monkeypatch.setattr(activations, "_BATCH", 40_000)
    plan, student = make_student()
    graphs = read_graph(student), read_graph(plan.model)
    images = tiny.images(10, channels=3)
    for run, path, found in walk(graphs, images):
        kept = tree.flatten(run._kept or [])
        assert sum(array.nbytes for array in kept) <= memory
        for model, value in zip((student, plan.model), found):
            asked = keras.Model(model.input, model.get_layer(path).input)
            np.testing.assert_allclose(value, asked(images), atol=1e-5)


def test_batches_are_bounded_by_the_largest_activation(monkeypatch):
    monkeypatch.setattr(activations, "_BATCH", 40_000)
    plan, student = make_student()
    graphs = read_graph(student), read_graph(plan.model)
    run, *_ = next(walk(graphs, tiny.images(64, channels=3)))
    sizes = [len(v[0][0]) for v in run._batches(1, False)]
    assert 1 <= max(sizes) < 64 and sum(sizes) == 64


class ReZero(layers.Layer):
    """A residual branch with a factor of its own, at first for all channels."""

    def __init__(self, shape, **options):
        super().__init__(**options)
        self.conv = layers.Conv2D(16, 3, padding="same", name="conv")
        self.shape = shape

    def build(self, shape):
        self.conv.build(shape)
        self.alpha = self.add_weight(shape=self.shape, initializer="ones")

    def call(self, x):
        return x + self.alpha * ops.relu(self.conv(x))


@pytest.mark.parametrize("shape", [(), (16,)])
def test_weights_of_a_custom_layer_are_kept_once(shape):
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(16, 3, padding="same")(inputs)
    x = layers.Conv2D(16, 3, padding="same")(ReZero(shape, name="zero")(x))
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(4, name="logits")(x))
    images = tiny.images(40, channels=3)
    plan = plan_channels(model, macs=0.5, images=images)
    graphs = read_graph(plan.apply()), read_graph(plan.model)
    paths = "zero_conv", "logits"
    for stop, (run, _, (own, _)) in enumerate(
        walk(graphs, images, paths=paths)
    ):
        assert run.fit(stop) and run._at == stop + 1 and len(own) == 40
    students = [plan.apply(), plan.apply()]
    reconstruct(students[0], plan, images)
    after, before = (
        np.square(student(images) - model(images)).mean()
        for student in students
    )
    assert after < before


@pytest.mark.parametrize("memory", [0, 100_000])
def test_streamed_images_give_the_student_of_one_batch(memory, monkeypatch):
    # Which images choose the ridge depends on the batches.
    monkeypatch.setattr(least_squares, "RIDGES", (0.1,))
    images = tiny.images(40, channels=3)
    plan, student = make_student()
    reconstruct(student, plan, images)
    monkeypatch.setattr(activations, "MEMORY", memory)
    monkeypatch.setattr(activations, "_BATCH", 40_000)
    streamed = plan.apply()
    dataset = tf.data.Dataset.from_tensor_slices(images).batch(7)
    reconstruct(streamed, plan, dataset)
    tiny.assert_same_function(student, streamed, images, 1e-3)


def test_the_limit_takes_images_of_the_whole_array():
    images = np.arange(10, dtype="float32")[:, None]
    taken = np.concatenate(list(batches(images, 2, 4)))
    np.testing.assert_array_equal(taken.ravel(), [0, 2, 5, 7])
    dataset = tf.data.Dataset.from_tensor_slices(images).batch(3)
    taken = np.concatenate(list(batches(dataset, 2, 4)))
    np.testing.assert_array_equal(taken.ravel(), [0, 1, 2, 3])


def test_a_dataset_of_another_type_gives_the_student_of_an_array():
    images = np.floor(255 * tiny.images(32, channels=3))
    model = tiny.residual_net()
    expected = prune_channels(model, images, macs=0.5)
    for dtype in ("uint8", "float64"):
        given = tf.data.Dataset.from_tensor_slices(images.astype(dtype))
        student = prune_channels(model, given.batch(32), macs=0.5)
        tiny.assert_same_function(student, expected, images, 1e-3)
