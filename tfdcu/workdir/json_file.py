"""Read JSON that a stranger may have written."""

import json
from pathlib import Path


def read_json(path):
    """Reads a JSON file.

    Args:
        path: The file, in UTF-8.

    Returns:
        What it holds.

    Raises:
        ValueError: If it is not JSON, also if it is nested deeper than Python
            reads.
        OSError: If the file cannot be read.
    """
    try:
        return json.loads(Path(path).read_text("utf-8"))
    except RecursionError as error:
        raise ValueError("JSON that is nested too deep") from error
