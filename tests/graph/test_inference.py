"""Laws of compiled inference in batches that fit in memory."""

import keras
import numpy as np
import pytest

from tests.support import tiny
from tfdcu.graph import inference
from tfdcu.graph.graph import read_graph
from tfdcu.graph.inference import compiled
from tfdcu.graph.inference import images_at_once
from tfdcu.graph.inference import images_with_gradients


def test_outputs_are_those_of_the_model_at_inference():
    model = tiny.plain_net()
    before = tiny.weights(model)
    images = tiny.images(9)
    np.testing.assert_allclose(
        compiled(model)(images), model(images, training=False), atol=1e-5
    )
    tiny.assert_same_weights(before, tiny.weights(model))


def test_outputs_do_not_depend_on_how_many_images_run_at_once(monkeypatch):
    model = tiny.plain_net()
    both = keras.Model(
        model.input,
        {"logits": model.output, "features": model.get_layer("relu1").output},
    )
    expected = compiled(both)(tiny.images(10))
    monkeypatch.setattr(inference, "_MOST_IMAGES", 3)
    received = compiled(both)(tiny.images(10))
    for name in ("logits", "features"):
        np.testing.assert_allclose(expected[name], received[name], atol=1e-5)


@pytest.mark.parametrize("kind", [list, dict])
def test_several_inputs_are_a_list(kind):
    image = keras.Input((8, 8, 1), name="image")
    age = keras.Input((2,), name="age")
    pooled = keras.layers.GlobalAveragePooling2D()(image)
    both = keras.layers.Concatenate()([age, pooled])
    given = [age, image] if kind is list else {"image": image, "age": age}
    model = keras.Model(given, keras.layers.Dense(3)(both))
    values = [np.ones((300, 2), "float32"), tiny.images(300)]
    expected = values if kind is list else dict(zip(["age", "image"], values))
    np.testing.assert_allclose(
        compiled(model)(values), model(expected), atol=1e-5
    )


def test_later_weights_count():
    model = tiny.linear_net()
    run = compiled(model)
    before = run(tiny.images(4)).numpy()
    model.layers[-1].bias.assign(model.layers[-1].bias + 1)
    np.testing.assert_allclose(run(tiny.images(4)), before + 1, atol=1e-5)


def test_the_largest_activation_limits_the_number_of_images():
    images = keras.Input((None, None, 3))
    wide = keras.layers.Conv2D(128, 3, padding="same")(images)
    model = keras.Model(images, keras.layers.GlobalMaxPooling2D()(wide))
    # 128 MiB / (512 * 512 * 128 * 4 bytes) is one image.
    assert images_at_once(model, (512, 512, 3)) == 1
    assert images_at_once(model, (64, 64, 3)) == 64
    assert images_at_once(model, (8, 8, 3)) == 256


def test_outputs_that_nothing_uses_do_not_matter():
    inputs = keras.Input((8, 6))
    _, state, _ = keras.layers.LSTM(4, return_state=True)(inputs)
    _, half = keras.ops.split(state, 2, axis=-1)
    model = keras.Model(inputs, keras.layers.Dense(3)(half))
    images = np.random.default_rng(0).random((5, 8, 6), dtype="float32")
    np.testing.assert_allclose(compiled(model)(images), model(images), 1e-5)
    assert images_with_gradients(read_graph(model), (8, 6)) == 256


def test_all_activations_limit_the_number_of_images_with_gradients():
    images = keras.Input((None, None, 3))
    wide = keras.layers.Conv2D(122, 3, padding="same")(images)
    model = keras.Model(images, keras.layers.ReLU()(wide))
    graph = read_graph(model)
    # 2 * 122 * 512 * 512 * 4 bytes are 244 MiB an image.
    assert images_with_gradients(graph, (512, 512, 3)) == 4
    assert images_with_gradients(graph, (8, 8, 3)) == 256
    assert images_with_gradients(graph, (2048, 2048, 3)) == 1
