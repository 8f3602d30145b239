"""Search for the best students with keras-tuner."""

from tfdcu.search.search import search as search


def __getattr__(name):
    # keras-tuner takes a second to import; only this name needs it.
    if name == "StudentHyperModel":
        from tfdcu.search.hypermodel import StudentHyperModel

        return StudentHyperModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
