"""The numbers that the terms of the loss are weighed with."""


def check_weights(temperature, **weights):
    """Raise the error of the first number that is out of range.

    Args:
        temperature: Float, which must be above 0.
        **weights: Floats, which must be at least 0, by name.

    Raises:
        ValueError: If one is not.
    """
    for name, value in weights.items():
        if not value >= 0:
            raise ValueError(
                "A loss cannot weigh less than nothing. "
                f"Expected: {name} >= 0. Received: {name}={value}"
            )
    if not temperature > 0:
        raise ValueError(
            "The temperature divides the logits. Expected: temperature > 0. "
            f"Received: temperature={temperature}"
        )
