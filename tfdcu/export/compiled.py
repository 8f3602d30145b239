"""Whether CompiledModel, LiteRT's newer runtime, runs a file as a whole."""

import json

import numpy as np

from tfdcu.export.child import call_in_child
from tfdcu.export.interpreter import LiteRTModel
from tfdcu.export.interpreter import dequantize
from tfdcu.export.interpreter import quantize


def runs_compiled(paths):
    """Runs files in `CompiledModel` and compares it with the interpreter.

    In a child process: the runtime is young, may crash, and prints lines of
    its own when a process ends.

    Args:
        paths: Paths of `.tflite` files, as `LiteRTModel` takes them.

    Returns:
        Dict from path to what speaks against it, a clause: `""` if it runs, is
        fully accelerated and gives what the interpreter gives.

    Example:

    >>> runs_compiled(["student_int8.tflite"])
    {'student_int8.tflite': ''}
    """
    return {path: _in_child(path) for path in paths}


def _in_child(path):
    try:
        return json.loads(call_in_child(misfit, str(path)))
    except ChildProcessError as error:
        return f"CompiledModel crashes: {error}"
    except (RuntimeError, ValueError) as error:
        return f"CompiledModel does not run it: {str(error).splitlines()[0]}"


def misfit(path):
    """What `runs_compiled` says of one file, as bytes of JSON."""
    model = LiteRTModel(path)
    ends = model.quantization
    low, high = model.value_range or (0.0, 1.0)
    generator = np.random.default_rng(0)
    image = generator.uniform(low, high, model.input_shape)
    expected = model(image[None])[0]
    steps, whole = _compiled_outputs(path, quantize(image[None], ends["input"]))
    received = dequantize(steps, ends["output"])
    # A kernel of its own may round to the next step.
    slack = 2 * model.output_step + 0.01 * np.abs(expected).max()
    if not np.abs(received - expected).max() <= slack:
        found = "CompiledModel gives other outputs than the interpreter"
    else:
        found = (
            "" if whole else "CompiledModel leaves operators to a slower path"
        )
    return json.dumps(found).encode()


def _compiled_outputs(path, image):
    from ai_edge_litert.compiled_model import CompiledModel

    model = CompiledModel.from_file(path)
    (name,) = model.get_signature_list()
    (output,) = model.get_output_tensor_details(name).values()
    inputs = model.create_input_buffers(0)
    outputs = model.create_output_buffers(0)
    inputs[0].write(np.ascontiguousarray(image))
    model.run_by_index(0, inputs, outputs)
    values = outputs[0].read(
        int(np.prod(output["shape"])), np.dtype(output["dtype"])
    )
    return values, model.is_fully_accelerated()
