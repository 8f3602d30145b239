"""Loss scaling: gradients in float16 that do not sink to 0."""

import keras


def loss_scaled(optimizer, model):
    """An optimizer that scales the loss where a layer computes in float16.

    Keras asks the model's own dtype policy, which follows the global one: a
    distiller, or a model read from a file, then has none although its layers
    have it.

    Args:
        optimizer: As in `keras.Model.compile`.
        model: A built `keras.Model`, whose layers are all asked.

    Returns:
        The argument, or a `keras.optimizers.LossScaleOptimizer` around it.
    """
    types = {layer.compute_dtype for layer in model._flatten_layers()}
    scales = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if scales or "float16" not in types:
        return optimizer
    return keras.optimizers.LossScaleOptimizer(
        keras.optimizers.get(optimizer), name="loss_scale_optimizer"
    )
