"""Row 3: the same step written in PyTorch, in a process of its own."""

import json
import os
import subprocess
from pathlib import Path

from keras import layers

from benchmarks.speed.steps import aligned
from benchmarks.speed.turns import fitting
from benchmarks.speed.turns import in_turns
from benchmarks.speed.turns import ratio
from tfdcu.graph.graph import read_graph

SIDE = Path(__file__).with_name("torch_step.py")
# How a layer is told to PyTorch's side.
KINDS = {
    layers.Normalization: lambda layer: {
        "kind": "normalize",
        "mean": layer.mean.numpy().ravel().tolist(),
        "variance": layer.variance.numpy().ravel().tolist(),
    },
    layers.Conv2D: lambda layer: {
        "kind": "conv",
        "shape": list(layer.kernel.shape),
        "stride": layer.strides[0],
        "bias": layer.use_bias,
    },
    layers.BatchNormalization: lambda layer: {
        "kind": "bn",
        "channels": layer.gamma.shape[0],
        "momentum": layer.momentum,
        "epsilon": layer.epsilon,
    },
    layers.ReLU: lambda layer: {"kind": "relu"},
    layers.Add: lambda layer: {"kind": "add"},
    layers.GlobalAveragePooling2D: lambda layer: {"kind": "pool"},
    layers.Dense: lambda layer: {
        "kind": "dense",
        "shape": list(layer.kernel.shape),
    },
}


def torch(workload):
    """Row 3: `fit`, input pipeline and all, against PyTorch's bare step."""
    stored = aligned(workload, None)
    task = {
        "student": described(stored.student),
        "teacher": described(workload.new_teacher()),
        "align_layer": stored.align_layers[0],
        "image_shape": workload.pool.image_shape,
        "num_classes": workload.num_classes,
        "batch_size": workload.batch_size,
        "threads": os.cpu_count(),
    }
    file = workload.folder / "torch.json"
    file.write_text(json.dumps(task) + "\n", "utf-8")
    with Side([workload.torch, str(SIDE), str(file)]) as side:
        variants = {
            "fit, stored targets": fitting(
                stored, workload.batches(workload.targets), workload.warmup
            ),
            "PyTorch, stored targets": side.measure("stored"),
            "fit, live teacher": fitting(
                aligned(workload, workload.new_teacher()),
                workload.batches(),
                workload.warmup,
            ),
            "PyTorch, live teacher": side.measure("live"),
        }
        seconds = in_turns(variants, workload.turns, workload.steps)
    return {
        "title": "images/s against the same step in PyTorch",
        "seconds a step": seconds,
        "images a step": 2 * workload.batch_size,
        "ratios": {
            f"{name} / PyTorch": ratio(
                seconds[f"PyTorch, {name}"], seconds[f"fit, {name}"], 1.0
            )
            for name in ("stored targets", "live teacher")
        },
        "notes": [f"PyTorch's side: {side.hello}."],
    }


class Side:
    """A process that measures what a line of its stdin names.

    Args:
        command: Its command. It says who it is in its first line.
    """

    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.hello = self.process.stdout.readline().strip()

    def measure(self, name):
        """A function (steps) -> seconds a step of `name`."""

        def seconds(steps):
            self.process.stdin.write(f"{name} {steps}\n")
            self.process.stdin.flush()
            return float(self.process.stdout.readline())

        return seconds

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def described(model):
    """A model as a list of layers that another framework can build.

    Args:
        model: A functional `keras.Model` of the layers in `KINDS`.

    Returns:
        List of dicts: `name`, `inputs` (names; "" is the image), `drop`
        (values that nobody needs after this layer), and what `KINDS` says.

    Raises:
        ValueError: For any other layer.
    """
    graph = read_graph(model)
    names = {id(tensor): "" for tensor in graph.inputs}
    rows, last_use = [], {}
    for node in graph.nodes:
        tell = KINDS.get(type(node.op))
        if tell is None:
            raise ValueError(
                "PyTorch's side does not know a layer. Expected: one of "
                f"{[kind.__name__ for kind in KINDS]}. Received: "
                f"{type(node.op).__name__} '{node.path}'"
            )
        inputs = [names[id(tensor)] for tensor in node.inputs]
        last_use |= dict.fromkeys(inputs, len(rows))
        names[id(node.outputs[0])] = node.path
        rows.append({"name": node.path, "inputs": inputs, **tell(node.op)})
    for number, row in enumerate(rows):
        used = sorted(set(row["inputs"]))
        row["drop"] = [name for name in used if last_use[name] == number]
    return rows
