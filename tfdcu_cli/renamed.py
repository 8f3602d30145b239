"""Options of earlier versions, as the library knows them."""

import importlib.util
import runpy


def renamed():
    """`tfdcu.renamed.RENAMED`, without the seconds of TensorFlow."""
    (folder,) = importlib.util.find_spec("tfdcu").submodule_search_locations
    return runpy.run_path(f"{folder}/renamed.py")["RENAMED"]
