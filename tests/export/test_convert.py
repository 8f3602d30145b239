"""The converter allows built-in operators only."""

import keras
import pytest

from tfdcu.export import export_litert
from tfdcu.export import inspect_litert


def inverse_net():
    """A matrix inverse has no built-in LiteRT operator, only a Flex one."""
    inputs = keras.Input((8, 8, 3))
    x = keras.ops.inv(keras.ops.transpose(inputs, (0, 3, 1, 2)))
    x = keras.layers.Dense(4)(keras.layers.Flatten()(x))
    return keras.Model(inputs, x)


def test_operators_without_a_kernel_are_named(images, tmp_path):
    with pytest.raises(ValueError, match="float32.*Received: MatrixInverse$"):
        export_litert(inverse_net(), tmp_path / "a.tflite", images=images)
    assert not list(tmp_path.iterdir())


def test_operators_without_an_int8_kernel_give_a_warning(images, tmp_path):
    inputs = keras.Input((8, 8, 3))
    x = keras.ops.sin(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(4)(x))
    with pytest.warns(UserWarning, match="has no int8 kernel: SIN"):
        path = export_litert(model, tmp_path / "a.tflite", "int8", images)
    assert inspect_litert(path)["float_operators"] == ["SIN"]
