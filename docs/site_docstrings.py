"""Reads docstrings for the site: a griffe extension of mkdocstrings."""

import re

import griffe


class OneExample(griffe.Extension):
    """`Example:` of this project is `Examples:` of the Google style."""

    def on_object(self, *, obj, **_):
        """Called with each function, class and module."""
        if obj.docstring:
            obj.docstring.value = re.sub(
                r"^( *)Example:$",
                r"\1Examples:",
                obj.docstring.value,
                flags=re.M,
            )
