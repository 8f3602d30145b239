"""Which patterns of zeros there are, and which kernels they suit."""


def check_pattern(final_sparsity, block_size, block_pooling, m_by_n):
    """Refuses arguments of `Sparsify` that name no pattern."""
    if len(block_size) != 2 or not all(
        isinstance(size, int) and size > 0 for size in block_size
    ):
        raise ValueError(
            "block_size is not a block. Expected two positive integers, "
            f"(rows, columns). Received: block_size={block_size!r}"
        )
    if block_pooling not in ("AVG", "MAX"):
        raise ValueError(
            "Unknown block_pooling. Expected 'AVG' or 'MAX'. "
            f"Received: block_pooling={block_pooling!r}"
        )
    if m_by_n is None:
        return
    if (
        len(m_by_n) != 2
        or not all(isinstance(n, int) for n in m_by_n)
        or not 0 < m_by_n[0] < m_by_n[1]
    ):
        raise ValueError(
            "m_by_n is not a pattern. Expected two integers m and n with "
            "0 < m < n, m zeros in every n weights, e.g. (2, 4). "
            f"Received: m_by_n={m_by_n!r}"
        )
    if block_size != (1, 1):
        raise ValueError(
            "Two patterns of zeros exclude each other. Expected m_by_n or "
            f"block_size. Received: m_by_n={m_by_n}, block_size={block_size}"
        )
    share = m_by_n[0] / m_by_n[1]
    if abs(final_sparsity - share) > 1e-6:
        raise ValueError(
            "final_sparsity and m_by_n disagree. Expected final_sparsity="
            f"{share:g} for m_by_n={m_by_n}. "
            f"Received: final_sparsity={final_sparsity!r}"
        )


def check_kernels(chosen, model, block_size, m_by_n):
    """Refuses kernels that `fit` does not train or the pattern does not suit.

    Args:
        chosen: list of `(layer, kernel)`.
        model: the fitted model.
        block_size: `(rows, columns)`; `(1, 1)` for single weights.
        m_by_n: `(m, n)` or `None`.

    Raises:
        ValueError: as said, with the layers named.
    """
    trained = {id(variable) for variable in model.trainable_variables}
    idle = [layer.name for layer, kernel in chosen if id(kernel) not in trained]
    if idle:
        raise ValueError(
            "Sparsify's masks act through the optimizer. Expected layers "
            f"that model {model.name!r} trains. Received: {', '.join(idle)}"
        )
    if block_size == (1, 1) and m_by_n is None:
        return
    ranks = (2, 4) if m_by_n else (2,)
    odd = [
        f"{layer.name} {tuple(kernel.shape)}"
        for layer, kernel in chosen
        if len(kernel.shape) not in ranks
    ]
    if odd:
        raise ValueError(
            "This pattern of zeros does not suit every chosen layer. "
            f"Expected kernels of rank {' or '.join(map(str, ranks))} "
            "only; for blocks e.g. layers=keras.layers.Dense. "
            f"Received: {', '.join(odd)}"
        )
