"""PyTorch's side of row 3: measures what a line of stdin names.

Runs in an environment of its own, with no import of this project:

    python3 -m venv /tmp/torch
    /tmp/torch/bin/pip install torch==2.13.0

Reads the networks from the file it is given, tries both memory layouts, says
which is faster, and then answers each line, `stored 24` or `live 24`, with the
seconds of a step. The batch is fixed: there is no input pipeline, which favors
this side. Strided convolutions are padded evenly, as PyTorch's users write it.
"""

import json
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

TEMPERATURE = 4.0
ALIGN_WEIGHT = 0.1


class Normalize(nn.Module):
    """Pixels minus their mean, over their deviation."""

    def __init__(self, mean, variance):
        super().__init__()
        mean, variance = torch.tensor(mean), torch.tensor(variance)
        self.register_buffer("mean", mean[:, None, None])
        self.register_buffer("scale", variance.rsqrt()[:, None, None])

    def forward(self, x):
        return (x - self.mean) * self.scale


class Pool(nn.Module):
    """The mean over the image."""

    def forward(self, x):
        return x.mean((2, 3))


class Sum(nn.Module):
    """The sum of its inputs."""

    def forward(self, first, second):
        return first + second


def layer(node):
    if node["kind"] == "normalize":
        return Normalize(node["mean"], node["variance"])
    if node["kind"] == "conv":
        size, _, given, made = node["shape"]
        padding = (size - 1) // 2
        return nn.Conv2d(
            given, made, size, node["stride"], padding, bias=node["bias"]
        )
    if node["kind"] == "bn":
        momentum = 1 - node["momentum"]
        return nn.BatchNorm2d(node["channels"], node["epsilon"], momentum)
    if node["kind"] == "dense":
        return nn.Linear(*node["shape"])
    if node["kind"] == "relu":
        # In place where nobody else needs what comes in.
        return nn.ReLU(inplace=bool(node["drop"]))
    return {"add": Sum, "pool": Pool}[node["kind"]]()


class Net(nn.Module):
    """A network from its list of layers; gives logits and one feature map."""

    def __init__(self, nodes, tap=None):
        super().__init__()
        self.nodes, self.tap = nodes, tap
        self.steps = nn.ModuleList(layer(node) for node in nodes)

    def forward(self, x):
        values, feature = {"": x}, None
        for node, step in zip(self.nodes, self.steps):
            x = step(*[values[name] for name in node["inputs"]])
            for name in node["drop"]:
                del values[name]
            values[node["name"]] = x
            if node["name"] == self.tap:
                feature = x
        return x, feature


class Reverse(torch.autograd.Function):
    """The identity forward, `-scale` times the gradient back."""

    @staticmethod
    def forward(ctx, x, scale):
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.scale * gradient, None


class Domain(nn.Module):
    """Which pool a feature map is from, told by its channels' statistics."""

    def __init__(self, channels):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2 * channels, 64), nn.ReLU(inplace=True), nn.Linear(64, 1)
        )

    def forward(self, x, scale):
        x = Reverse.apply(x, scale)
        mean = x.mean((2, 3))
        variance = x.var((2, 3), correction=0)
        return self.net(torch.cat([mean, (variance + 1e-5).sqrt()], 1))


def trainer(task, layout):
    """A function (live) that takes one training step and returns its loss."""
    torch.manual_seed(0)
    size = task["batch_size"]
    height, width, channels = task["image_shape"]
    images = torch.rand(2 * size, channels, height, width)
    images = images.to(memory_format=layout)
    labels = torch.randint(task["num_classes"], (size,))
    stored = torch.randn(2 * size, task["num_classes"])
    teacher = Net(task["teacher"]).to(memory_format=layout).eval()
    student = Net(task["student"], task["align_layer"])
    student = student.to(memory_format=layout).train()
    with torch.no_grad():
        feature = student(images)[1]
    domain = Domain(feature.shape[1])
    optimizer = torch.optim.SGD(
        [*student.parameters(), *domain.parameters()],
        lr=1e-3,
        momentum=0.9,
        nesterov=True,
        weight_decay=1e-4,
    )

    def step(live):
        targets = stored
        if live:
            with torch.no_grad():
                targets = teacher(images)[0]
        logits, feature = student(images)
        label = functional.cross_entropy(logits[:size], labels)
        mimic = TEMPERATURE**2 * functional.kl_div(
            functional.log_softmax(logits / TEMPERATURE, 1),
            functional.log_softmax(targets / TEMPERATURE, 1),
            reduction="batchmean",
            log_target=True,
        )
        guess = domain(feature, 0.5)
        few, pool = guess[:size], guess[size:]
        align = functional.softplus(few).mean()
        align = 0.5 * (align + functional.softplus(-pool).mean())
        loss = label + mimic + ALIGN_WEIGHT * align
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def measure(step, live, steps):
    start = time.perf_counter()
    for _ in range(steps):
        step(live)
    return (time.perf_counter() - start) / steps


def quicker(task):
    """The step in the memory layout that is faster here, and its name."""
    found = []
    for name in ("contiguous_format", "channels_last"):
        step = trainer(task, getattr(torch, name))
        measure(step, False, 2)
        found.append((measure(step, False, 4), name, step))
    return min(found)[1:]


def main():
    task = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    torch.set_num_threads(task["threads"])
    layout, step = quicker(task)
    print(
        f"torch {torch.__version__}, {task['threads']} threads, {layout} "
        "(the faster of its layouts here), eager",
        flush=True,
    )
    for line in sys.stdin:
        name, steps = line.split()
        print(measure(step, name == "live", int(steps)), flush=True)


if __name__ == "__main__":
    main()
