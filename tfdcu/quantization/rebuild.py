"""Builds the model whose values lie where the integers of a file do."""

import keras
import numpy as np
from keras import layers
from keras import tree

from tfdcu.graph.clone import clone_layer
from tfdcu.graph.clone import copy_state
from tfdcu.graph.float32 import float32_policy
from tfdcu.graph.graph import Tensor
from tfdcu.graph.parse import structure
from tfdcu.quantization.chains import KERNELS
from tfdcu.quantization.chains import becomes_depthwise
from tfdcu.quantization.chains import calls
from tfdcu.quantization.chains import chain_from
from tfdcu.quantization.chains import fixed_range
from tfdcu.quantization.chains import has_kernel
from tfdcu.quantization.chains import is_silu
from tfdcu.quantization.chains import keeps_grid
from tfdcu.quantization.chains import meets_others
from tfdcu.quantization.chains import shares_grid
from tfdcu.quantization.fold import affine
from tfdcu.quantization.layers import FakeQuantize
from tfdcu.quantization.layers import QuantizedDepthwiseConv2D

# Values closer to zero than this count as zero: LiteRT needs steps of some
# width.
_NARROWEST = 1e-12


def rebuild(graph, found, bits):
    """The model of a graph with fake quantization, in float32.

    Args:
        graph: A `Graph` of a float32 model; its layers are not changed.
        found: Its `Calibration`, with ranges of inputs and outputs of nodes.
        bits: Dict from `id(layer)` to 8 or 4, of layers with kernels; 8 for
            those that are missing.

    Returns:
        A functional `keras.Model`, and a dict from `id(layer)` of each layer
        with a kernel to its new layer.
    """
    with float32_policy():
        rebuilding = _Rebuilding(graph, found, bits)
        return rebuilding.model(), rebuilding.kernels


class _Rebuilding:
    def __init__(self, graph, found, bits):
        self.graph, self.found, self.bits = graph, found, bits
        self.values = {}  # id(tensor) -> KerasTensor
        self.grids = {}  # id(tensor) -> FakeQuantize
        self.made = {}  # id(operation) -> its new one
        self.kernels = {}  # those of layers with a kernel
        self.names = set()

    def model(self):
        inputs = []
        for layer, tensor in zip(
            self.graph.level.input_layers, self.graph.inputs
        ):
            # Pixels are rounded as floats; ids stay integers.
            floats = id(tensor) in self.found.ranges
            given = keras.Input(
                tensor.shape[1:],
                name=layer.name,
                dtype="float32" if floats else tensor.dtype,
            )
            self.names.add(layer.name)
            inputs.append(given)
            self.give_grid(tensor, given, f"{layer.name}_range")
        done = set()
        for node in self.graph.nodes:
            if id(node) not in done:
                chain = chain_from(self.graph, node)
                done |= {id(chain.norm), id(chain.last)}
                self.add(chain)
        outputs = [self.values[id(tensor)] for tensor in self.graph.outputs]
        whole = self.graph.model
        return keras.Model(
            tree.pack_sequence_as(structure(whole, "input"), inputs),
            tree.pack_sequence_as(structure(whole, "output"), outputs),
            name=whole.name,
        )

    def add(self, chain):
        """Calls the new operation of a chain and gives its result a grid."""
        node, last = chain.first, chain.last

        def fill(item):
            return self.values[id(item)] if isinstance(item, Tensor) else item

        args, kwargs = tree.map_structure(fill, (node.args, node.kwargs))
        if has_kernel(node) or becomes_depthwise(node):
            # Not the masks and flags that the old layer took.
            args, kwargs = (self.values[id(node.inputs[0])],), {}
        if is_silu(node.op):
            results = [self.silu(args[0], node.op.name)]
        else:
            results = tree.flatten(self.operation(chain)(*args, **kwargs))
        source = self.grids.get(id(node.inputs[0])) if node.inputs else None
        if keeps_grid(node.op) or shares_grid(node.op):
            (result,) = results
            if shares_grid(node.op) and source is not None:
                result = source(result)
            self.values[id(last.outputs[0])] = result
            self.grids[id(last.outputs[0])] = source
            return
        if last is not node:
            self.give_grid(
                last.outputs[0], results[0], last.op.name, chain.relu
            )
            return
        for tensor, result in zip(node.outputs, results):
            fixed = fixed_range(node.op)
            name = f"{node.op.name}_range"
            self.give_grid(tensor, result, name, chain.relu, fixed)

    def silu(self, value, name):
        """x * sigmoid(x), as there is no operator for it."""
        gate = f"{name}_sigmoid"
        sigmoid = layers.Activation("sigmoid", name=self.unique(gate))
        grid = FakeQuantize(
            *fixed_range(sigmoid), name=self.unique(f"{gate}_range")
        )
        product = layers.Multiply(name=self.unique(name))
        return product([value, grid(sigmoid(value))])

    def give_grid(self, tensor, value, name, relu=None, fixed=None):
        """Rounds a value to a grid of its own, if it has a range."""
        if meets_others(self.graph, tensor):
            if relu is not None:
                value = layers.Activation(relu, name=self.unique(name))(value)
        elif id(tensor) in self.found.ranges:
            low, high = fixed or self.found.ranges[id(tensor)]
            if high - low < _NARROWEST:
                high = low + 1.0
            grid = FakeQuantize(low, high, relu, name=self.unique(name))
            value = grid(value)
            self.grids[id(tensor)] = grid
        self.values[id(tensor)] = value

    def unique(self, name):
        """A layer name that is still free."""
        number, wanted = 1, name
        while name in self.names:
            name, number = f"{wanted}_{number}", number + 1
        self.names.add(name)
        return name

    def operation(self, chain):
        """The new layer or operation of a chain; one for all its calls."""
        op = chain.first.op
        if id(op) not in self.made:
            if has_kernel(chain.first):
                new = self.kernels[id(op)] = self.with_kernel(chain)
            elif becomes_depthwise(chain.first):
                new = self.depthwise(chain.first)
            else:
                new = self.clone(op)
            self.made[id(op)] = new
        return self.made[id(op)]

    def with_kernel(self, chain):
        """The layer with a quantized kernel, its norm folded into it."""
        old, node = chain.first.op, chain.first
        config = old.get_config()
        config |= {
            "name": self.unique(old.name),
            "use_bias": True,
            "weight_bits": self.bits.get(id(old), 8),
            "input_step": self.input_step(node),
        }
        config.pop("build_config", None)
        if chain.relu:
            config["activation"] = None
        new = KERNELS[type(old)].from_config(config)
        new.build(node.inputs[0].shape)
        scale, shift = np.ones(new.bias.shape), 0.0
        if chain.norm is not None:
            scale, shift = affine(chain.norm.op)
        rows = old.kernel.numpy().reshape(-1, len(scale))
        new.kernel.assign(np.reshape(rows * scale, old.kernel.shape))
        bias = old.bias.numpy() if old.use_bias else 0.0
        new.bias.assign(bias * scale + shift)
        new.trainable = old.trainable
        new.fit_ranges()
        if id(old) in self.found.inputs:
            new.fit_rounding(self.found.inputs[id(old)])
        return new

    def input_step(self, node):
        """The step of what a layer takes; 0 if that is not one number."""
        grid = self.grids.get(id(node.inputs[0]))
        once = calls(self.graph, node) == 1
        return grid.step if grid is not None and once else 0.0

    def depthwise(self, node):
        """A 1x1 kernel for a layer that scales and shifts channels."""
        channels = node.outputs[0].shape[-1]
        new = QuantizedDepthwiseConv2D(
            1,
            name=self.unique(node.op.name),
            input_step=self.input_step(node),
        )
        new.build(node.outputs[0].shape)
        scale, shift = affine(node.op)
        scale = np.broadcast_to(scale, channels)
        new.kernel.assign(np.reshape(scale, (1, 1, channels, 1)))
        new.bias.assign(np.broadcast_to(shift, channels))
        new.trainable = node.op.trainable and bool(node.op.trainable_variables)
        new.fit_ranges()
        return new

    def clone(self, op):
        """The same layer, with its weights."""
        config = {**op.get_config(), "name": self.unique(op.name)}
        new = clone_layer(op, config, lambda inner: self.clone(inner))
        if isinstance(op, layers.Layer) and op.weights:
            if not new.built:
                new.build_from_config(op.get_build_config())
            new.set_weights(op.get_weights())
            copy_state(op, new)
        return new
