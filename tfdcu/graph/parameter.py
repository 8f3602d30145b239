"""Two layers for what a custom layer does with weights of its own.

A custom layer that is opened (`tfdcu/graph/open_model.py`) becomes operations
of Keras; its own weights become `Parameter`s among them. Files of such models
load where tfdcu is imported.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfdcu")
class Parameter(keras.layers.Layer):
    """A weight as a tensor without batch, whatever the layer is called on.

    Args:
        shape: Shape of the weight.
        kind: Its element type. Defaults to "float32".
        **options: Other keywords of `keras.layers.Layer`.
    """

    def __init__(self, shape, kind="float32", **options):
        super().__init__(**options)
        self.shape = tuple(shape)
        self.kind = kind

    def build(self, input_shape=None):
        self.parameter = self.add_weight(
            shape=self.shape,
            dtype=self.kind,
            initializer="zeros",
            trainable=self.trainable,
            name="parameter",
        )

    def call(self, anything):
        return ops.convert_to_tensor(self.parameter)

    def compute_output_spec(self, anything):
        kind = self.kind if "float" not in self.kind else self.compute_dtype
        return keras.KerasTensor(self.shape, kind)

    def get_config(self):
        own = {"shape": list(self.shape), "kind": self.kind}
        return {**super().get_config(), **own}


def parameter_of(variable, name, dtype_policy, trainable=True):
    """A `Parameter` that shares an existing `keras.Variable`."""
    layer = Parameter(
        variable.shape,
        variable.dtype,
        name=name,
        dtype=dtype_policy,
        trainable=trainable,
    )
    # The layer neither makes a weight nor names this one.
    layer.parameter = variable
    layer.built = True
    return layer


@keras.saving.register_keras_serializable("tfdcu")
class OnePerImage(keras.layers.Layer):
    """A tensor (1, ...) repeated for each image, such as a class token."""

    def call(self, value, images):
        # (1, ...) to (batch, ...)
        shape = (ops.shape(images)[0], *value.shape[1:])
        return ops.broadcast_to(value, shape)

    def compute_output_spec(self, value, images):
        shape = (images.shape[0], *value.shape[1:])
        return keras.KerasTensor(shape, value.dtype)
