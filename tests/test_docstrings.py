"""Docstrings of public names have all their parts."""

import inspect
import re

import pytest

import tfdcu

PUBLIC = {
    name: value
    for name, value in vars(tfdcu).items()
    if not name.startswith("_") and not inspect.ismodule(value)
}


def undocumented(value):
    """What the docstring of a public function or class leaves out."""
    text = inspect.getdoc(value) or ""
    wanted = {"Args:": r"Args:", "Example:": r"Example:"}
    if inspect.isfunction(value):
        wanted["Returns:"] = r"Returns:"
    if "raise ValueError" in inspect.getsource(value):
        wanted["Raises:"] = r"Raises:"
    for one in inspect.signature(value).parameters.values():
        if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL):
            wanted[one.name] = rf"^ +([\w*, ]+, )?{one.name}(, [\w, ]+)?:"
    return [
        name for name, how in wanted.items() if not re.search(how, text, re.M)
    ]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_documented(name):
    assert undocumented(PUBLIC[name]) == []
