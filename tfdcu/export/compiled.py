"""Whether CompiledModel, LiteRT's newer runtime, runs a file as a whole.

    python compiled.py student_int8.tflite ...

prints a line of JSON for each file. `runs_compiled` calls it in a process of
its own: the runtime is young, may end the process, and writes lines of its own
when that ends.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np


def runs_compiled(paths):
    """Runs files in `CompiledModel` and compares it with the interpreter.

    Args:
        paths: Paths of `.tflite` files with one input and one output.

    Returns:
        Dict from path to what speaks against it, a clause about "it": `""` if
        it runs, is fully accelerated and gives what the interpreter gives.

    Example:

    >>> runs_compiled(["student_int8.tflite"])
    {'student_int8.tflite': ''}
    """
    found, left = {}, list(paths)
    while left:
        process = subprocess.run(
            [sys.executable, str(Path(__file__).resolve()), *map(str, left)],
            capture_output=True,
            text=True,
        )
        lines = process.stdout.splitlines()
        found |= dict(zip(left, map(json.loads, lines)))
        left = left[len(lines) :]
        if left:
            found[left.pop(0)] = "it ends the process of CompiledModel"
    return found


def _misfit(path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path)
    interpreter.allocate_tensors()
    (end,), (out,) = (
        interpreter.get_input_details(),
        interpreter.get_output_details(),
    )
    generator = np.random.default_rng(0)
    image = generator.random(end["shape"])
    if np.dtype(end["dtype"]).kind in "iu":
        image = 100 * image
    image = image.astype(end["dtype"])
    interpreter.set_tensor(end["index"], image)
    interpreter.invoke()
    expected = interpreter.get_tensor(out["index"])
    try:
        received, whole = _compiled_outputs(path, image, expected)
    except (RuntimeError, ValueError) as error:
        return f"CompiledModel does not run it ({str(error).splitlines()[0]})"
    expected, received = (
        np.asarray(values, "float32").ravel() for values in (expected, received)
    )
    # Where scores are integers a kernel may round to the next.
    slack = 2 if np.dtype(out["dtype"]).kind in "iu" else 0.02
    if not np.allclose(received, expected, rtol=0.01, atol=slack):
        return "CompiledModel gives other outputs than the interpreter"
    return "" if whole else "CompiledModel leaves operators to a slower path"


def _compiled_outputs(path, image, like):
    from ai_edge_litert.compiled_model import CompiledModel

    model = CompiledModel.from_file(path)
    inputs = model.create_input_buffers(0)
    outputs = model.create_output_buffers(0)
    inputs[0].write(image)
    model.run_by_index(0, inputs, outputs)
    return outputs[0].read(like.size, like.dtype), model.is_fully_accelerated()


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps(_misfit(name)), flush=True)
