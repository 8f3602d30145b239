"""Write tables before those of a LiteRT file, which stay where they are.

A flatbuffer points forward only, and a builder writes from the end: new tables
before the old ones may point to them. So weights keep their alignment, and
nothing that is not replaced changes.
"""

import flatbuffers
from flatbuffers.number_types import Uint32Flags
from flatbuffers.table import Table

# Weights lie at multiples of this many bytes.
_ALIGNMENT = 16


def extend(content):
    """A builder whose end is a LiteRT file.

    Args:
        content: The bytes of a LiteRT file.

    Returns:
        (a `flatbuffers.Builder`; the file's root, a `Table`; a function from a
        place in the file to the builder's offset).
    """
    content = bytes(content) + bytes(-len(content) % _ALIGNMENT)
    builder = flatbuffers.Builder(0)
    builder.Bytes, builder.head = bytearray(content), 0
    builder.minalign = _ALIGNMENT
    root = Table(content, 0)
    root.Pos = root.Get(Uint32Flags, 0)
    # A builder counts from the end.
    return builder, root, lambda place: len(content) - place


def children(old, number):
    """The old tables of a vector, which is a field of an old table."""
    field = old.Offset(4 + 2 * number)
    if not field:
        return []
    start = old.Vector(field)
    return [
        Table(old.Bytes, old.Indirect(start + 4 * index))
        for index in range(old.VectorLen(field))
    ]


def finish_model(builder, root, offset, changed):
    """Writes a new root: the old one's fields, but for those that changed.

    Args:
        builder, root, offset: From `extend`.
        changed: Dict from the number of a field to the new offset.

    Returns:
        The bytes of the file.
    """
    fields = [("Uint32", root.Get(Uint32Flags, root.Pos + root.Offset(4)))]
    for number in range(1, 8):
        place = changed.get(number) or offset_of(root, number, offset)
        fields.append(("UOffsetTRelative", place))
    builder.Finish(table(builder, fields), b"TFL3")
    return bytes(builder.Output())


def offset_of(old, number, offset):
    """The builder's offset of what a field of an old table points to."""
    place = old.Offset(4 + 2 * number)
    return offset(old.Indirect(old.Pos + place)) if place else None


def table(builder, fields):
    """Writes a table.

    Args:
        builder: A `flatbuffers.Builder`.
        fields: List of (type, value), such as `("Int8", 2)`, in the order of
            the schema; a field whose value is `None` is left out.

    Returns:
        The builder's offset of it.
    """
    builder.StartObject(len(fields))
    for slot, (kind, value) in enumerate(fields):
        if value is not None:
            getattr(builder, f"Prepend{kind}")(value)
            builder.Slot(slot)
    return builder.EndObject()


def offsets(*places):
    """Fields of a table that are all strings, vectors or tables."""
    return [("UOffsetTRelative", place) for place in places]


def vector(builder, values, kind="UOffsetTRelative", size=4):
    """Writes a vector of offsets or, by `kind` and `size`, of numbers."""
    builder.StartVector(size, len(values), size)
    for value in reversed(values):
        getattr(builder, f"Prepend{kind}")(value)
    return builder.EndVector()


def aligned_bytes(builder, content):
    """Writes a vector of bytes that begins where a buffer may begin."""
    builder.Prep(_ALIGNMENT, len(content))
    return builder.CreateByteVector(content)
