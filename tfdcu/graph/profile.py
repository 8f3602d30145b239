"""Counts parameters, non-zero parameters and macs of a model."""

import numpy as np

from tfdcu.graph.graph import read_graph
from tfdcu.graph.macs import macs_by_path
from tfdcu.graph.open_model import open_model
from tfdcu.workdir.arguments import check_arguments


def profile(model):
    """Counts a model's parameters, its non-zero parameters and its macs.

    Use it to compare models. Multiply-accumulates are those of convolutions,
    dense and einsum layers and attention for one image, as in published
    tables (`tfdcu/graph/macs.py`).

    Args:
        model: A built `keras.Model`; custom layers are counted by what they
            compute.

    Returns:
        Dict with the ints `params`, `nonzero_params` and `macs`; `macs` is
        `None` if a layer cannot be counted. A shared weight counts once in
        `params`, and once per use in `macs`.

    Raises:
        ValueError: If the model cannot be taken apart.

    Example:

    >>> profile(keras.applications.MobileNetV2(weights=None))["macs"]
    300774272
    """
    check_arguments(model=model)
    rows = profile_layers(model)
    macs = [row["macs"] for row in rows]
    return {
        "params": sum(row["params"] for row in rows),
        "nonzero_params": sum(row["nonzero_params"] for row in rows),
        "macs": None if None in macs else sum(macs),
    }


def profile_layers(model):
    """Counts parameters, non-zero parameters and macs by layer.

    Args:
        model: As in `profile`.

    Returns:
        List of dicts with `name` (the path, "outer/inner" for nested
        layers), `type`, `output` (shape as a list, batch first), `params`,
        `nonzero_params` and `macs` (`None` if not known), in the order of
        the model. A shared weight counts in the first layer that uses it.
        Layers without parameters and macs are left out.

    Raises:
        ValueError: If the model cannot be taken apart.
    """
    graph = read_graph(open_model(model).model)
    macs = macs_by_path(graph)
    rows, seen = [], set()
    for node in graph.nodes:
        if id(node.op) in seen:
            continue
        seen.add(id(node.op))
        new = [w for w in getattr(node.op, "weights", ()) if id(w) not in seen]
        seen.update(map(id, new))
        weights = [np.asarray(w) for w in new]
        shape = node.outputs[0].shape if node.outputs else None
        row = {
            "name": node.path,
            "type": type(node.op).__name__,
            "output": list(shape or ()),
            "params": sum(int(w.size) for w in weights),
            "nonzero_params": sum(int(np.count_nonzero(w)) for w in weights),
            "macs": macs[node.path],
        }
        if row["params"] or row["macs"] != 0:
            rows.append(row)
    return rows
