"""What a model file unpacks to, known before it is read."""

import io
import zipfile

import h5py

# Larger files that are compressed more than this are not models.
LIMIT = 2**28
MAX_RATIO = 100


def unpacked_bytes(path):
    """The bytes to which a model file unpacks.

    Args:
        path: `Path` of a `.keras`, `.h5` or `.hdf5` file.

    Returns:
        Int; what is in the arrays of an archive is counted if the archive
        itself is not refused.

    Raises:
        Exception: Of many kinds, if the file is damaged.
    """
    if path.suffix.lower() != ".keras":
        return _array_bytes(path)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        total = sum(member.file_size for member in members)
        if is_bomb(path, total):
            return total
        arrays = [
            _array_bytes(io.BytesIO(archive.read(member)))
            for member in members
            if member.filename.endswith(".h5")
        ]
        return max([total, *arrays])


def is_bomb(path, total):
    """Whether a file unpacks to far more than a model of its size does."""
    return total > max(LIMIT, MAX_RATIO * path.stat().st_size)


def _array_bytes(file):
    """The bytes of all arrays of an HDF5 file; links are not followed."""
    sizes = [0]

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            sizes.append((item.size or 0) * item.dtype.itemsize)

    with h5py.File(file, "r") as content:
        content.visititems(add)
    return sum(sizes)
