"""File sizes, raw and gzipped."""

import gzip
from pathlib import Path


def file_sizes(path):
    """Bytes of a file, raw and gzipped.

    The gzipped size is what the file adds to the download of an application;
    zero weights take almost no space in it.

    Args:
        path: Any file.

    Returns:
        `{"bytes": int, "gzip_bytes": int}`, gzip at its highest level.

    Raises:
        ValueError: If there is no such file.

    Example:

    ```python
    file_sizes("student.tflite")  # {"bytes": 31032, "gzip_bytes": 27110}
    ```
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(
            "The file cannot be found. Expected: the path of an existing "
            f"file. Received: '{path}'"
        )
    content = path.read_bytes()
    # A fixed time stamp, so that equal content has equal size.
    packed = gzip.compress(content, compresslevel=9, mtime=0)
    return {"bytes": len(content), "gzip_bytes": len(packed)}
