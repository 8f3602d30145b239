"""Everything that tfdcu uses of Keras without a public name, in one place.

Keras may change these names in any release. `tests/graph/test_keras_private.py`
has a test for each function, which fails when it does.
"""

from contextlib import contextmanager
from dataclasses import dataclass

import keras

_MASK = "_keras_mask"


def all_layers(layer, itself=True):
    """A layer or model and the layers inside it, at any depth, each once.

    Args:
        layer: A `keras.layers.Layer`, models included.
        itself: Whether to begin with the layer itself. Default `True`.

    Returns:
        List of layers.
    """
    return layer._flatten_layers(include_self=itself)


def layers_within(layer):
    """List of the layers that a layer holds itself, not those inside them."""
    return layer._flatten_layers(include_self=False, recursive=False)


@dataclass(frozen=True)
class Producer:
    """The call that made a symbolic tensor.

    Attributes:
        op: The layer or operation.
        args: Its positional arguments, symbolic tensors inside.
        kwargs: Its keyword arguments.
        call: Number of the call of this operation.
        index: Which of its outputs the tensor is.
        outputs: All of its outputs, `KerasTensor`s.
    """

    op: object
    args: tuple
    kwargs: dict
    call: int
    index: int
    outputs: list


def producer_of(tensor):
    """The `Producer` of a `KerasTensor`."""
    history = tensor._keras_history
    node = history.operation._inbound_nodes[history.node_index]
    return Producer(
        history.operation,
        node.arguments.args,
        node.arguments.kwargs,
        history.node_index,
        history.tensor_index,
        list(node.outputs),
    )


def function_in(graph, name):
    """The `FuncGraph` of a function that is called in a TensorFlow graph."""
    return graph._get_function(name).graph


def num_calls(op):
    """How often a layer or operation was called on symbolic tensors."""
    return len(op._inbound_nodes)


def output_within(model, name):
    """The output of a layer within a model, a symbolic tensor.

    Unlike `layer.output` also where the layer was called elsewhere, as by
    `Sequential.add`.

    Args:
        model: A functional or sequential `keras.Model`.
        name: Name of one of its layers, which it calls once and which has
            one output.

    Raises:
        ValueError: If the model calls it several times or not at all.
    """
    function = getattr(model, "_functional", None) or model
    depths = function._nodes_by_depth.values()
    within = {id(node) for nodes in depths for node in nodes}
    calls = model.get_layer(name)._inbound_nodes
    calls = [node for node in calls if id(node) in within]
    if len(calls) != 1:
        raise ValueError(
            "The layer has no single output. Expected: a layer that the model "
            f"calls once. Received: {name!r}, which it calls {len(calls)} "
            "times"
        )
    return calls[0].output_tensors[0]


@contextmanager
def calls_forgotten(layer):
    """Layers are as before afterwards: symbolic calls within are forgotten.

    Args:
        layer: The layers inside it may be called; itself and they forget it.
    """
    lists = [
        calls
        for op in all_layers(layer)
        for calls in (op._inbound_nodes, op._outbound_nodes)
    ]
    before = [len(calls) for calls in lists]
    try:
        yield
    finally:
        for calls, count in zip(lists, before):
            del calls[count:]


def alias_of(layer, name):
    """The same layer under another name, with calls of its own.

    It shares weights, random state and the layers inside with the argument,
    which does not notice.
    """
    alias = object.__new__(type(layer))
    # Without the hooks that track attributes: they are those of the argument.
    vars(alias).update(vars(layer))
    own = {"name": name, "_inbound_nodes": [], "_outbound_nodes": []}
    vars(alias).update(own)
    return alias


def attributes_that_hold(layer, kind):
    """Names of a layer's own attributes that are or contain such objects.

    Args:
        layer: The layer; lists, tuples and dicts among its attributes are
            searched, except those in which Keras keeps its accounts.
        kind: A class.

    Returns:
        Dict from name to value.
    """
    accounts = set(vars(keras.layers.Layer()))
    return {
        name: value
        for name, value in vars(layer).items()
        if name not in accounts
        and any(isinstance(item, kind) for item in keras.tree.flatten(value))
    }


def is_of_keras_ops(kind):
    """Whether a class is an operation of `keras.ops`, such as `Add`."""
    return kind.__module__.startswith("keras.src.ops.")


def mask_of(tensor):
    """The mask that a layer attached to a tensor, or `None`."""
    return getattr(tensor, _MASK, None)


def set_mask(tensor, mask):
    """Attaches a mask to a tensor."""
    setattr(tensor, _MASK, mask)


def stored_weight(layer, name="kernel"):
    """The stored weight; `layer.kernel` of LoRA or int8 layers is computed."""
    stored = getattr(layer, f"_{name}", None)
    return getattr(layer, name) if stored is None else stored


def projections(attention):
    """The dense layers inside an attention layer.

    Args:
        attention: A `MultiHeadAttention` or `GroupQueryAttention`.

    Returns:
        Dict with "query", "key", "value", "output" and, where there is one,
        "gate".
    """
    names = "query", "key", "value", "output", "gate"
    found = {name: getattr(attention, f"_{name}_dense", None) for name in names}
    return {name: dense for name, dense in found.items() if dense is not None}


def lambda_output_shape(layer):
    """The `output_shape` argument of a `Lambda`: a shape, function or None."""
    return layer._output_shape


def share_variables(layer, other):
    """Replaces a layer's variables by those of a layer of the same class.

    Both then train the same weights; `trainable` flags are those of `other`.
    """
    layer._tracker.unlock()
    for name, own in list(vars(layer).items()):
        if isinstance(own, keras.Variable):
            shared = getattr(other, name)
            now = shared.trainable
            # Keras tracks a variable as trainable or not when it is set, and
            # makes those tracked as trainable trainable.
            shared.trainable = any(own is v for v in layer._trainable_variables)
            layer._untrack_variable(own)
            setattr(layer, name, shared)
            shared.trainable = now
    layer._tracker.lock()
    inner = [layers_within(item) for item in (layer, other)]
    for pair in zip(*inner, strict=True):
        share_variables(*pair)


class OwnBatches(keras.Model):
    """A model whose batches are not `(x, y)`: hooks of Keras, with names.

    A subclass defines `logs_of_epoch`, `build_like` and `example_of`.
    """

    def logs_of_epoch(self, logs):
        """The logs to report, given those of the last step."""
        raise NotImplementedError

    def build_like(self, data):
        """Builds metrics and optimizer for batches like this one."""
        raise NotImplementedError

    def example_of(self, dataset):
        """A batch that `build_like` can use, without reading the dataset."""
        raise NotImplementedError

    def build_as_keras(self, labeled):
        """Builds metrics and optimizer by a batch `(x, y, weight)`."""
        super()._symbolic_build(data_batch=labeled)

    def loss_metric(self):
        """The metric that averages the loss."""
        return self._loss_tracker

    def compiled_metrics_built(self):
        """Whether the metrics of `compile` are built; yes if there are none."""
        metrics = self._compile_metrics
        return metrics is None or metrics.built

    def _get_metrics_result_or_logs(self, logs):
        return self.logs_of_epoch(logs)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras builds metrics and optimizer in the first trace of a step and
        # then traces it again: ten seconds for a ResNet-56. Under a strategy
        # it would read a batch for its shapes, which advances the dataset and
        # fails for remote replicas.
        if iterator is not None:
            data_batch = self.example_of(iterator.data_adapter.get_tf_dataset())
        with self.distribute_strategy.scope():
            self.build_like(data_batch)

    def _symbolic_build(self, iterator=None, data_batch=None):
        self.build_like(data_batch)
