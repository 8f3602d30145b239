"""What users may put where something else belongs."""

import math
import re

ODD = {
    "nan": math.nan,
    "inf": math.inf,
    "minus": -1,
    "zero": 0,
    "fraction": 1.5,
    "huge": 2**40,
    "true": True,
    "empty": "",
    "text": "nonsense",
    "bytes": b"x",
    "list": [],
    "names": ["nonsense"],
    "dict": {},
    "fields": {"nonsense": 1},
    "object": object(),
    "none": None,
}


def not_among(taken):
    """Dict from name to odd value, but for those in a string of names."""
    return {name: ODD[name] for name in ODD if name not in taken.split()}


def says(message, argument, alone=False):
    """Whether a message has three parts and the argument's name.

    Args:
        message: Of an error.
        argument: The name.
        alone: Whether it is enough that there are three parts.
    """
    parts = re.search("Expected: .*Received: ", message, re.S)
    named = re.search(rf"[`'.]{argument}['`:]|\b{argument}=", message)
    return parts and (named or alone)
