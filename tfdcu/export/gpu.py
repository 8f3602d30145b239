"""What speaks against the GPU of a phone."""

import contextlib
import io

import numpy as np

from tfdcu.export.quiet import quiet

# The largest float16: GPUs of phones compute in it.
LARGEST = 65504.0


def gpu_misfits(path, images):
    """Why a file would not run well on the GPU of a phone.

    Args:
        path: A `.tflite` file that takes floats.
        images: float32 `(n, height, width, channels)`; two are used.

    Returns:
        A list of clauses about "it", empty if nothing speaks against it.
    """
    import tensorflow as tf

    said = io.StringIO()
    with quiet(), contextlib.redirect_stdout(said):
        tf.lite.experimental.Analyzer.analyze(
            model_path=str(path), gpu_compatibility=True
        )
    misfits = sorted(
        f"the GPU cannot run it ({line.partition(':')[2].strip()})"
        for line in said.getvalue().splitlines()
        if line.startswith("GPU COMPATIBILITY WARNING")
    )
    largest = largest_value(path, images[:2])
    if largest > LARGEST:
        misfits.append(
            f"values inside it reach {largest:.3g}, more than float16 holds"
        )
    return misfits


def largest_value(path, images):
    """The largest float inside a file, over all tensors.

    Args:
        path: A `.tflite` file that takes floats.
        images: float32 `(n, height, width, channels)`.

    Returns:
        A float.
    """
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_litert.interpreter import OpResolverType

    with quiet():
        interpreter = Interpreter(
            str(path),
            experimental_op_resolver_type=(
                OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            ),
            experimental_preserve_all_tensors=True,
        )
        interpreter.allocate_tensors()
    (end,) = interpreter.get_input_details()
    largest = 0.0
    for image in images:
        interpreter.set_tensor(end["index"], image[None])
        interpreter.invoke()
        for tensor in interpreter.get_tensor_details():
            if tensor["dtype"] is np.float32 and tensor["name"]:
                with contextlib.suppress(ValueError):
                    values = interpreter.get_tensor(tensor["index"])
                    largest = max(largest, float(np.abs(values).max()))
    return largest
