"""How far the interpreter's own kernels are from each other on integer files.

    python -m benchmarks.quantization.kernels --images=folder:photos/test \\
        runs/photos/student_int8.tflite
    python -m benchmarks.quantization.kernels --images=tfds:cifar10 \\
        --data_dir=../shared/data runs/cifar10/student_int8.tflite

The interpreter has three sets of them: XNNPACK, which it takes if it is not
told otherwise, optimized ones and plain ones for reference. Each rounds in its
own way. Prints for each file the largest difference of its outputs between two
sets, in steps of the outputs: no model can be nearer than that to all of them.
"""

import itertools

import numpy as np
from absl import app
from absl import flags
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.interpreter import OpResolverType

import tfdcu
from benchmarks import options
from tfdcu.data import images_of
from tfdcu.data import open_source

IMAGES = flags.DEFINE_string("images", None, "The labeled test images.")
COUNT = flags.DEFINE_integer("count", 100, "How many of them.")
KERNELS = {
    "XNNPACK": OpResolverType.AUTO,
    "optimized": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "reference": OpResolverType.BUILTIN_REF,
}


def main(argv):
    for file in argv[1:]:
        model = tfdcu.LiteRTModel(file)
        source = open_source(
            IMAGES.value,
            split="test" if IMAGES.value.startswith("tfds:") else None,
            data_dir=options.DATA_DIR.value,
            image_shape=model.input_shape,
            value_range=model.value_range or (0.0, 1.0),
        )
        images = images_of(source, COUNT.value)
        outputs = {
            name: run(file, resolver, images)
            for name, resolver in KERNELS.items()
        }
        print(file)
        for one, other in itertools.combinations(KERNELS, 2):
            difference = np.abs(outputs[one] - outputs[other]).max()
            print(f"  {one}, {other}: {difference / model.output_step:.0f}")


def run(file, resolver, images):
    """The outputs of a file for some images, with one set of kernels."""
    interpreter = Interpreter(str(file), experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    (taken,) = interpreter.get_input_details()
    (given,) = interpreter.get_output_details()
    outputs = []
    for image in images:
        interpreter.set_tensor(taken["index"], image[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(given["index"])[0])
    return np.stack(outputs)


if __name__ == "__main__":
    flags.mark_flags_as_required(["images"])
    app.run(main)
