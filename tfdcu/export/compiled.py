"""Whether CompiledModel, LiteRT's newer runtime, runs a file as a whole.

    python compiled.py student_int8.tflite ...

prints a line of JSON for each file. `runs_compiled` calls it as a process of
its own, without TensorFlow: the runtime is young, may crash, and prints lines
of its own when a process ends.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np


def runs_compiled(paths):
    """Runs files in `CompiledModel` and compares it with the interpreter.

    Args:
        paths: Paths of `.tflite` files with one input.

    Returns:
        Dict from path to what speaks against it, a clause: `""` if it runs, is
        fully accelerated and gives what the interpreter gives.

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
            found[left.pop(0)] = "CompiledModel crashes"
    return found


def misfit(path):
    """What `runs_compiled` says of one file."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(path)
        interpreter.allocate_tensors()
        (end,) = interpreter.get_input_details()
        outs = interpreter.get_output_details()
        image = np.random.default_rng(0).random(end["shape"])
        if end["dtype"] in (np.int32, np.int64):
            # Token ids: any file knows 0 and 1.
            image = np.round(image)
        elif np.dtype(end["dtype"]).kind in "iu":
            image = 100 * image
        image = image.astype(end["dtype"])
        interpreter.set_tensor(end["index"], image)
        interpreter.invoke()
        found = [interpreter.get_tensor(out["index"]).ravel() for out in outs]
        received, whole = _compiled_outputs(path, image, found)
    except (RuntimeError, ValueError) as error:
        return f"CompiledModel does not run it: {str(error).splitlines()[0]}"
    for pair in zip(found, received):
        # Where scores are integers, or were, a kernel may round to the next.
        exact = pair[0].dtype.kind in "iu"
        expected, other = map(np.float32, pair)
        slack = 2 if exact else 0.02 * np.abs(expected).max()
        if not np.abs(other - expected).max() <= slack:
            return "CompiledModel gives other outputs than the interpreter"
    return "" if whole else "CompiledModel leaves operators to a slower path"


def _compiled_outputs(path, image, likes):
    from ai_edge_litert.compiled_model import CompiledModel

    model = CompiledModel.from_file(path)
    inputs = model.create_input_buffers(0)
    outputs = model.create_output_buffers(0)
    inputs[0].write(image)
    model.run_by_index(0, inputs, outputs)
    found = [
        buffer.read(like.size, like.dtype)
        for buffer, like in zip(outputs, likes)
    ]
    return found, model.is_fully_accelerated()


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps(misfit(name)), flush=True)
