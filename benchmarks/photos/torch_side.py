"""PyTorch's side of `otherwise.py`: Torch-Pruning's cut of the same network.

Runs in an environment of its own, with no import of this project:

    python3 -m venv /tmp/tp
    /tmp/tp/bin/pip install torch==2.13.0 torch-pruning

    /tmp/tp/bin/python benchmarks/photos/torch_side.py task.npz

The file has the Keras weights of EfficientNet-Lite0 by layer, photos as uint8
and what is to be done; the answer is a line of JSON.
"""

import copy
import json
import math
import sys

import numpy as np
import torch
import torch_pruning as tp
from torch import nn
from torch.nn import functional as F


class Same(nn.Module):
    """Padding as TensorFlow's "same" does it: more after than before."""

    def __init__(self, kernel, stride):
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x):
        missing = []
        for size in (x.shape[-1], x.shape[-2]):
            steps = math.ceil(size / self.stride)
            short = max(0, (steps - 1) * self.stride + self.kernel - size)
            missing += [short // 2, short - short // 2]
        return F.pad(x, missing)


def convolution(weights, name, norm, stride=1, relu=True):
    """Convolution, BatchNorm and perhaps ReLU6, with Keras' weights."""
    kernel = weights[f"{name}/0"]  # (h, w, in, out), depthwise (h, w, in, 1)
    groups = kernel.shape[2] if "depthwise" in name else 1
    kernel = (
        kernel.transpose(2, 3, 0, 1)
        if groups > 1
        else kernel.transpose(3, 2, 0, 1)
    )
    out, given, size, _ = kernel.shape
    conv = nn.Conv2d(given * groups, out, size, stride, 0, 1, groups, False)
    bn = nn.BatchNorm2d(out, 1e-3, 0.01)
    values = [weights[f"{norm}/{index}"] for index in range(4)]
    with torch.no_grad():
        conv.weight.copy_(torch.tensor(kernel))
        for target, value in zip(
            (bn.weight, bn.bias, bn.running_mean, bn.running_var), values
        ):
            target.copy_(torch.tensor(value))
    pad = [Same(size, stride)] if size > 1 else []
    return nn.Sequential(*pad, conv, bn, *([nn.ReLU6()] if relu else []))


class Block(nn.Module):
    """Expansion, depthwise convolution, projection, perhaps a shortcut."""

    def __init__(self, weights, index, stride):
        super().__init__()
        name, parts = f"blocks_{index}__", []
        if f"{name}expand_conv/0" in weights:
            parts += [convolution(weights, f"{name}expand_conv", f"{name}bn0")]
        depthwise = f"{name}depthwise_conv", f"{name}bn1"
        parts += [convolution(weights, *depthwise, stride)]
        project = f"{name}project_conv", f"{name}bn2"
        parts += [convolution(weights, *project, relu=False)]
        self.parts = nn.Sequential(*parts)
        given, out = parts[0][0], parts[-1][0]
        given = next(m for m in parts[0] if isinstance(m, nn.Conv2d))
        self.shortcut = stride == 1 and given.in_channels == out.out_channels

    def forward(self, x):
        y = self.parts(x)
        return x + y if self.shortcut else y


class Lite0(nn.Module):
    """The teacher; photos from 0 to 1 as (batch, 3, height, width)."""

    def __init__(self, weights, strides):
        super().__init__()
        self.stem = convolution(weights, "conv_stem", "bn0", 2)
        self.blocks = nn.Sequential(
            *(Block(weights, index, s) for index, s in enumerate(strides))
        )
        self.head = convolution(weights, "conv_head", "bn1")
        kernel, bias = weights["logits/0"], weights["logits/1"]
        self.logits = nn.Linear(*kernel.shape)
        with torch.no_grad():
            self.logits.weight.copy_(torch.tensor(kernel.T))
            self.logits.bias.copy_(torch.tensor(bias))

    def forward(self, x):
        x = self.head(self.blocks(self.stem(1.9921875 * x - 0.9921875)))
        return self.logits(x.mean((2, 3)))


def cut(model, size, macs):
    """The network with the fewest channels removed that meets the macs."""
    example = torch.zeros(1, 3, size, size)

    def pruned(share):
        smaller = copy.deepcopy(model)
        tp.pruner.MagnitudePruner(
            smaller,
            example,
            importance=tp.importance.GroupMagnitudeImportance(p=2),
            pruning_ratio=share,
            ignored_layers=[smaller.logits],
            round_to=8,
        ).step()
        return smaller

    low, high = 0.0, 0.9
    for _ in range(12):
        middle = (low + high) / 2
        found = tp.utils.count_ops_and_params(pruned(middle), example)[0]
        low, high = (middle, high) if found > macs else (low, middle)
    return pruned(high), tp.utils.count_ops_and_params(pruned(high), example)[0]


def as_tensor(photos):
    return torch.tensor(photos).permute(0, 3, 1, 2).float() / 255


def resized(images, size):
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True)


def views(images, generator):
    """Each flipped or not and shifted by up to an eighth, by reflection."""
    most, size = images.shape[-1] // 8, images.shape[-1]
    wide = F.pad(images, [most] * 4, mode="reflect")
    found = []
    for image in wide:
        y, x = torch.randint(0, 2 * most + 1, (2,), generator=generator)
        view = image[:, y : y + size, x : x + size]
        flips = torch.rand(1, generator=generator) < 0.5
        found.append(view.flip(-1) if flips else view)
    return torch.stack(found)


def train(student, teacher, task):
    """As the student of tfdcu is: the same batches, epochs and rate.

    BatchNorm follows the batches: nothing has been reconstructed that its old
    averages would fit. Without a teacher, on the labeled photos alone.
    """
    generator = torch.Generator().manual_seed(int(task["seed"]))
    labels = torch.tensor(task["labels"]).long()
    size, epochs = int(task["size"]), int(task["epochs"])
    steps = len(task["pool"]) // 32
    optimizer = torch.optim.Adam(student.parameters(), float(task["rate"]))
    total = epochs * steps

    def rate(step):
        warm = 0.05 * total
        if step < warm:
            return step / warm
        return 0.5 + 0.5 * math.cos(math.pi * (step - warm) / (total - warm))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    student.train()
    for _ in range(epochs):
        order = torch.randperm(len(task["pool"]), generator=generator)
        for pool in order[: 32 * steps].reshape(steps, 32):
            few = torch.randint(len(labels), (8,), generator=generator)
            images = as_tensor(task["labeled"][few])
            if teacher is not None:
                images = torch.cat([images, as_tensor(task["pool"][pool])])
            images = views(images, generator)
            logits = student(resized(images, size))
            loss = F.cross_entropy(logits[:8], labels[few])
            if teacher is not None:
                with torch.no_grad():
                    targets = teacher(images)
                pair = (F.log_softmax(z / 4, -1) for z in (logits, targets))
                loss = loss + 16 * F.kl_div(
                    *pair, reduction="batchmean", log_target=True
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return student


@torch.no_grad()
def accuracy(model, photos, labels):
    model.eval()
    right = 0
    for start in range(0, len(labels), 32):
        part = slice(start, start + 32)
        chosen = model(as_tensor(photos[part])).argmax(1).numpy()
        right += int((chosen == labels[part]).sum())
    return right / len(labels)


def main(path):
    task = dict(np.load(path))
    weights = {
        key.removeprefix("weights/"): task[key]
        for key in task
        if key.startswith("weights/")
    }
    torch.manual_seed(int(task["seed"]))
    teacher = Lite0(weights, task["strides"].tolist()).eval()
    student, macs = cut(teacher, int(task["size"]), float(task["macs"]))
    mode = str(task["mode"])
    if mode != "untrained":
        train(student, teacher if mode == "distilled" else None, task)
    result = {
        "accuracy": accuracy(student, task["test"], task["test_labels"]),
        "macs": float(macs),
        "teacher": accuracy(
            teacher, task["test_of_teacher"], task["test_labels"]
        ),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1])
