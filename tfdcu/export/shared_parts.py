"""Store equal parts of a LiteRT file once.

The converter writes the zero points of each channel, which are all 0, anew for
every kernel and bias: 8 bytes a channel, a sixteenth of an int8 file of a
mobile network. In a flatbuffer several tables may point to one vector.
"""

import flatbuffers

# Weights begin at a multiple of it, as the schema demands.
_ALIGNMENT = 16


def share_equal_parts(content):
    """Writes a file in which equal vectors and strings are stored once.

    Args:
        content: The bytes of a LiteRT file without anything behind it.

    Returns:
        The bytes of a file of the same content.
    """
    from ai_edge_litert import schema_py_generated as schema

    root = schema.Model.GetRootAsModel(content, 0)
    builder = _Sharing(len(content))
    packed = schema.ModelT.InitFromObj(root).Pack(builder)
    builder.Finish(packed, b"TFL3")
    return bytes(builder.Output())


class _Sharing(flatbuffers.Builder):
    """A builder that knows what it has written."""

    def __init__(self, size):
        super().__init__(size)
        self.written = {}

    def CreateNumpyVector(self, x):
        key = x.dtype.str, x.tobytes()
        if key not in self.written:
            write = super().CreateNumpyVector
            if x.dtype == "uint8":
                write = self._aligned
            self.written[key] = write(x)
        return self.written[key]

    def CreateString(self, s, *encoding):
        key = "text", s
        if key not in self.written:
            self.written[key] = super().CreateString(s, *encoding)
        return self.written[key]

    def _aligned(self, values):
        """Writes the bytes of a buffer."""
        self.StartVector(1, len(values), _ALIGNMENT)
        self.head = self.Head() - len(values)
        self.Bytes[self.Head() : self.Head() + len(values)] = values.tobytes()
        return self.EndVector()
