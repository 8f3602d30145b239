"""Measure the latency of LiteRT files."""

import time
from pathlib import Path

import numpy as np

from tfdcu.export.images import take_images
from tfdcu.export.interpreter import LiteRTModel
from tfdcu.graph.images import are_images
from tfdcu.workdir.arguments import check_arguments

NUM_WARM_UP = 20


def latency(models, *, runs=200, num_threads=1, images=None):
    """The median time of one inference of each model, in milliseconds.

    Use it to compare the files of teacher and student. See `latency_runs` for
    the method, and for the time of every run.

    Args:
        models: A dict from name to `.tflite` path (or `LiteRTModel`).
        runs: Timed runs per model, at least 1. Defaults to `200`.
        num_threads: Threads of each interpreter. Defaults to `1`.
        images: Optional images, as in `latency_runs`.

    Returns:
        A dict from name to median milliseconds.

    Raises:
        ValueError: If there is no model, or `runs` is below 1.

    Example:

    ```python
    latency({"teacher": "teacher.tflite", "student": "student.tflite"})
    ```
    """
    times = latency_runs(
        models, runs=runs, num_threads=num_threads, images=images
    )
    return {name: float(np.median(values)) for name, values in times.items()}


def latency_runs(models, *, runs=200, num_threads=1, images=None):
    """The time of every single run of each model, in milliseconds.

    The batch size is 1. After a warm-up the models run in turn, so that a
    slowdown of the machine affects all of them. Before each timed run the same
    model runs once untimed, since the previous model has filled the cache.
    Only the interpreter's `invoke` is timed.

    Args:
        models: A dict from name to `.tflite` path (or `LiteRTModel`).
        runs: Timed runs per model, at least 1. Defaults to `200`.
        num_threads: Threads of each interpreter. Defaults to `1`.
        images: Images `(n, height, width, channels)` or a dataset, suitable
            for every model; the first image is used. Defaults to a gray image,
            or to zeros for other inputs: the time of dense arithmetic does not
            depend on the pixels.

    Returns:
        A dict from name to a float64 array `(runs,)`; quartiles are
        `np.percentile(values, (25, 50, 75))`.

    Raises:
        ValueError: If there is no model, or `runs` is below 1.

    Example:

    ```python
    times = latency_runs({"student": "student.tflite"})
    np.percentile(times["student"], (25, 50, 75))
    ```
    """
    check_arguments(runs=runs, num_threads=num_threads)
    if not models:
        raise ValueError(
            "There is nothing to measure. Expected: at least one model. "
            f"Received: {models!r}"
        )
    loaded = {
        name: model
        if isinstance(model, LiteRTModel)
        else LiteRTModel(Path(model), num_threads)
        for name, model in models.items()
    }
    for model in loaded.values():
        model.set_image(_image(model, images))
        for _ in range(NUM_WARM_UP):
            model.invoke()
    times = {name: np.empty(runs) for name in loaded}
    for run in range(runs):
        for name, model in loaded.items():
            model.invoke()
            start = time.perf_counter()
            model.invoke()
            times[name][run] = 1e3 * (time.perf_counter() - start)
    return times


def _image(model, images):
    low, high = model.value_range or (0.0, 1.0)
    if images is not None:
        return take_images(images, 1, model.input_shape, (low, high))[0]
    gray = (low + high) / 2 if are_images(model.input_shape) else 0.0
    return np.full(model.input_shape, gray, "float32")
