"""Installs tfdcu: `pip install .`; to work on it, `pip install -e ".[dev]"`.

All that it says of itself is in pyproject.toml.
"""

from setuptools import setup

setup()
