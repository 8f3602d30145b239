"""Reads docstrings for the site: a griffe extension of mkdocstrings."""

import re
import textwrap

import griffe

# A doctest and what it prints, up to an empty line.
DOCTEST = re.compile(r"^>>> .*(?:\n.+)*", re.M)
# What is returned is said in sentences; griffe would read types from them.
RETURNS = re.compile(r"^Returns:\n((?:    .*\n?|\n)+)", re.M)


class Sentences(griffe.Extension):
    """Doctests become blocks of code, what is returned a paragraph."""

    def on_object(self, *, obj, **_):
        """Called with each function, class and module."""
        if obj.docstring:
            text = obj.docstring.value.replace("\nExample:", "\n**Example:**")
            text = RETURNS.sub(paragraph, text)
            obj.docstring.value = DOCTEST.sub(r"```pycon\n\g<0>\n```", text)


def paragraph(section):
    """The text of a section, no longer indented, below its title."""
    return f"**Returns:**\n\n{textwrap.dedent(section[1])}"
