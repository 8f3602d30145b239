"""Layers that can be reconstructed, and the layers around them."""

from dataclasses import dataclass

import keras
from keras import layers

from tfdcu.graph.kernels import has_kernel


@dataclass(eq=False)
class Solvable:
    """A layer of the student and what its least squares are made of.

    Attributes:
        number: Number of its node in both graphs.
        node: The student's node.
        origin: The original's.
        norm: The `BatchNormalization` that alone takes its outputs, with no
            activation between, or `None`.
        shortcut: The `Tensor`s of the student and of the original that are
            added to its outputs behind the `norm`; `None` where there are
            none, or they are not known before the layer.
    """

    number: int
    node: object
    origin: object
    norm: object
    shortcut: tuple | None


def find_solvable(own, original):
    """The layers that can be solved, in order.

    Args:
        own, original: The `Graph`s of the student and of its original.

    Returns:
        List of `Solvable`.
    """
    once, found = _called_once(own), []
    for number, node in enumerate(own.nodes):
        origin = original.nodes[number]
        if id(node.op) not in once or not has_kernel(node.op):
            continue
        if node.inputs[0].shape[1:-1] != origin.inputs[0].shape[1:-1]:
            # It is applied along an axis with pruned channels.
            continue
        norm = _norm_after(own, node, once)
        shortcuts = [_shortcut(g, number) for g in (own, original)]
        shortcut = None if None in shortcuts else tuple(shortcuts)
        found.append(Solvable(number, node, origin, norm, shortcut))
    return found


def _called_once(graph):
    """Identities of the operations with one call and one input."""
    calls = {}
    for node in graph.nodes:
        calls.setdefault(id(node.op), []).append(len(node.inputs))
    return {op for op, inputs in calls.items() if inputs == [1]}


def _user_of_sums(graph, node):
    """The only user of a node's outputs before any activation, or `None`."""
    activation = getattr(node.op, "activation", None)
    if activation not in (None, keras.activations.linear):
        return None
    (output,) = node.outputs
    return graph.only_user(output)


def _norm_after(graph, node, once):
    """The BatchNormalization of a node's output alone, or `None`."""
    user = _user_of_sums(graph, node)
    if user is None or id(user.op) not in once:
        return None
    if not isinstance(user.op, layers.BatchNormalization):
        return None
    last = len(node.outputs[0].shape) - 1
    return user.op if user.op.axis in (-1, last) else None


def _shortcut(graph, number):
    """What is added to the output of a node, or `None`."""
    node = graph.nodes[number]
    user = _user_of_sums(graph, node)
    (output,) = node.outputs
    norm = _norm_after(graph, node, _called_once(graph))
    if norm is not None:
        (output,) = user.outputs
        user = graph.only_user(output)
    while user is not None and isinstance(user.op, layers.Dropout):
        (output,) = user.outputs
        user = graph.only_user(output)
    if user is None or type(user.op) is not layers.Add:
        return None
    others = [t for t in user.inputs if t is not output]
    if len(user.inputs) != 2 or len(others) != 1:
        return None
    known = {id(t) for n in graph.nodes[:number] for t in n.outputs}
    known |= {id(t) for t in graph.inputs}
    same = others[0].shape == output.shape and id(others[0]) in known
    return others[0] if same else None
