"""Measure the latency of a Keras model as a LiteRT file."""

from pathlib import Path

from tfdcu.export.artifact import export_litert
from tfdcu.export.latency import latency
from tfdcu.export.reference import noise_for
from tfdcu.export.saved_model import check_model
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.temporary import temporary_folder

NUM_IMAGES = 100


def litert_latency(
    model, quantization=None, *, runs=200, num_threads=1, seed=0
):
    """The median time of one image for a model's LiteRT file.

    Use it as the `measure` of a `latency` budget. The model is exported to a
    temporary folder without checking its outputs: the time of dense arithmetic
    depends only on shapes, so untrained or just pruned models can be timed.
    `"int8"` is calibrated with noise.

    Args:
        model: A `keras.Model`, as in `export_litert`.
        quantization: As in `export_litert`. Defaults to `None`, float32.
        runs: Timed runs, at least 1. Defaults to `200`.
        num_threads: Threads of the interpreter. Defaults to `1`.
        seed: Seed of the noise. Defaults to `0`.

    Returns:
        Milliseconds, a float.

    Raises:
        ValueError: As in `export_litert` and `latency`.

    Example:

    >>> tfdcu.prune_channels(
    ...     teacher, latency=0.5, measure=tfdcu.litert_latency
    ... )
    """
    check_arguments(model=model, runs=runs, num_threads=num_threads, seed=seed)
    check_model(model)
    noise = noise_for(model, NUM_IMAGES, seed=seed)
    with temporary_folder() as folder:
        file = export_litert(
            model,
            Path(folder) / "model.tflite",
            quantization,
            calibration=noise,
            images=noise[:1],
            min_agreement=0.0,
        )
        times = latency({"model": file}, runs=runs, num_threads=num_threads)
    return times["model"]
