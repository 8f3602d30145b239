"""Models that were trained as integers, and need no calibration."""

from tfdcu.graph.keras_private import all_layers

FORMATS = {8: "int8", 4: "int8_weight4"}


def trained_format(model):
    """The format of a model of `tfdcu.quantize_aware`.

    Args:
        model: A `keras.Model`.

    Returns:
        `"int8_weight4"` if any of its kernels has 4 bits, else `"int8"`;
        `None` for a model without fake quantization.
    """
    bits = {getattr(layer, "weight_bits", None) for layer in all_layers(model)}
    return FORMATS.get(min(bits - {None}, default=None))


def check_trained(model, formats):
    """Raises if a model cannot be written in one of the formats.

    Args:
        model: A `keras.Model`.
        formats: Names of formats.

    Raises:
        ValueError: For a model with fake quantization and another format than
            its own, and for a format with 4 bits and any other model.
    """
    own = trained_format(model)
    for name in formats:
        if own is not None and name != own:
            raise ValueError(
                "The model holds the ranges of integers, so its weights and "
                f"activations are those of one format. Expected: {own!r}; "
                "export the model from before `quantize_aware` to others. "
                f"Received: {name!r}"
            )
        if own is None and name == FORMATS[4]:
            raise ValueError(
                "Weights of 4 bits need training. Expected: a model of "
                "`tfdcu.quantize_aware(weight_bits=4)` with this format. "
                f"Received: {name!r} for the model {model.name!r}"
            )
