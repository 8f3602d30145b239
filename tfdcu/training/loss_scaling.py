"""Loss scaling for float16, so that gradients do not underflow."""

import keras

from tfdcu.graph.keras_private import all_layers


def loss_scaled(optimizer, model):
    """Add loss scaling to an optimizer if a layer computes in float16.

    Keras checks only the dtype policy of the model itself, which is float32
    for a distiller or a model loaded from a file even if its layers compute
    in float16. Here all layers are checked.

    Args:
        optimizer: As in `keras.Model.compile`.
        model: A built `keras.Model`.

    Returns:
        `optimizer`, or a `keras.optimizers.LossScaleOptimizer` around it.
    """
    types = {layer.compute_dtype for layer in all_layers(model)}
    scales = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if scales or "float16" not in types:
        return optimizer
    return keras.optimizers.LossScaleOptimizer(
        keras.optimizers.get(optimizer), name="loss_scale_optimizer"
    )
