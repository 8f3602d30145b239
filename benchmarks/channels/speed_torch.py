"""Torch-Pruning's side of `speed.py`: prunes what a line of stdin names.

Runs in an environment of its own, with no import of this project:

    python3 -m venv /tmp/tp
    /tmp/tp/bin/pip install torch==2.13.0 torch-pruning
"""

import copy
import sys
import time

import torch
import torch_pruning as tp
from torch import nn


class Block(nn.Module):
    """Two convolutions and a shortcut, as in CIFAR ResNets."""

    def __init__(self, given, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(given, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = None
        if given != width or stride > 1:
            self.shortcut = nn.Conv2d(given, width, 1, stride, bias=False)

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        x = x if self.shortcut is None else self.shortcut(x)
        return torch.relu(x + y)


class ResNet56(nn.Module):
    """CIFAR ResNet-56 with convolution shortcuts, as our teacher."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(16)
        blocks, given = [], 16
        for stage, width in enumerate((16, 32, 64)):
            for index in range(9):
                stride = 2 if stage and not index else 1
                blocks.append(Block(given, width, stride))
                given = width
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = self.blocks(torch.relu(self.bn(self.stem(x))))
        return self.fc(x.mean((2, 3)))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions and a shortcut."""

    def __init__(self, given, width, stride):
        super().__init__()
        out = 4 * width
        self.conv1 = nn.Conv2d(given, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.shortcut = None
        if given != out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(given, out, 1, stride, bias=False),
                nn.BatchNorm2d(out),
            )

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        x = x if self.shortcut is None else self.shortcut(x)
        return torch.relu(x + y)


class ResNet50(nn.Module):
    """The ImageNet network (He et al. 2016), stride in the 3x3."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn = nn.BatchNorm2d(64)
        self.pool = nn.MaxPool2d(3, 2, 1)
        blocks, given = [], 64
        for stage, depth in enumerate((3, 4, 6, 3)):
            for index in range(depth):
                stride = 2 if stage and not index else 1
                blocks.append(Bottleneck(given, 64 * 2**stage, stride))
                given = 256 * 2**stage
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x):
        x = self.pool(torch.relu(self.bn(self.stem(x))))
        return self.fc(self.blocks(x).mean((2, 3)))


def build(name):
    if name == "resnet56":
        return ResNet56(), torch.randn(1, 3, 32, 32)
    return ResNet50(), torch.randn(1, 3, 224, 224)


def prune(name):
    """Seconds of one pruning, those with a copy made first, the macs left.

    Torch-Pruning cuts the model it is given; who wants to keep the teacher
    copies it before.
    """
    model, example = build(name)
    model.eval()
    before, _ = tp.utils.count_ops_and_params(model, example)
    start = time.perf_counter()
    model = copy.deepcopy(model)
    copied = time.perf_counter()
    pruner = tp.pruner.BasePruner(
        model,
        example,
        importance=tp.importance.GroupMagnitudeImportance(p=1),
        pruning_ratio=0.3,
        global_pruning=False,
        round_to=8,
        ignored_layers=[model.fc],
    )
    pruner.step()
    done = time.perf_counter()
    after, _ = tp.utils.count_ops_and_params(model, example)
    return done - copied, done - start, after / before


if __name__ == "__main__":
    for line in sys.stdin:
        print(*prune(line.strip()), flush=True)
