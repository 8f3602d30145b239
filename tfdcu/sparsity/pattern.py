"""Checks sparsity patterns (blocks, m-by-n) and the kernels they apply to."""

from tfdcu.workdir.arguments import PAIR
from tfdcu.workdir.arguments import check


def check_pattern(final_sparsity, block_size, m_by_n):
    """Raises for invalid pattern arguments of `Sparsify`."""
    check("block_size", block_size, PAIR)
    check("m_by_n", m_by_n, PAIR, optional=True)
    if m_by_n is None:
        return
    if not m_by_n[0] < m_by_n[1]:
        raise ValueError(
            "Invalid value for `m_by_n`. Expected: two integers m and n with "
            "0 < m < n, for m zeros in every n weights, e.g. (2, 4). "
            f"Received: m_by_n={m_by_n!r}."
        )
    if tuple(block_size) != (1, 1):
        raise ValueError(
            "`m_by_n` and `block_size` cannot be combined. Expected: one of "
            f"them. Received: m_by_n={m_by_n}, block_size={block_size}."
        )
    share = m_by_n[0] / m_by_n[1]
    if abs(final_sparsity - share) > 1e-6:
        raise ValueError(
            "`final_sparsity` does not match `m_by_n`. Expected: "
            f"final_sparsity={share:g} for m_by_n={m_by_n}. "
            f"Received: final_sparsity={final_sparsity!r}."
        )


def check_trained(chosen, model):
    """Raises for kernels that are not trained.

    Args:
        chosen: list of `(layer, kernel)`.
        model: the fitted model.

    Raises:
        ValueError: with the names of the layers.
    """
    trained = {id(variable) for variable in model.trainable_variables}
    untrained = [
        layer.name for layer, kernel in chosen if id(kernel) not in trained
    ]
    if untrained:
        raise ValueError(
            "Sparsify needs layers that the optimizer updates. Expected: "
            f"layers that model {model.name!r} trains. Received: "
            f"{', '.join(untrained)}."
        )


def check_kernels(chosen, block_size, m_by_n):
    """Raises for kernels that do not fit the pattern.

    Args:
        chosen: list of `(layer, kernel)`.
        block_size: `(rows, columns)`; `(1, 1)` for single weights.
        m_by_n: `(m, n)` or `None`.

    Raises:
        ValueError: with the names of the layers.
    """
    if block_size == (1, 1) and m_by_n is None:
        return
    ranks = (2, 4) if m_by_n else (2,)
    mismatched = [
        f"{layer.name} {tuple(kernel.shape)}"
        for layer, kernel in chosen
        if len(kernel.shape) not in ranks
    ]
    if mismatched:
        raise ValueError(
            "The sparsity pattern does not fit all selected layers. "
            f"Expected: kernels of rank {' or '.join(map(str, ranks))} "
            "only; for blocks e.g. layers=keras.layers.Dense. "
            f"Received: {', '.join(mismatched)}."
        )
