"""What a config and its flags say, as keywords of a run."""

from tfdcu.transfer import halve_threads


def keywords_of(config):
    """The keywords of `tfdcu.compress`, and whatever else a config has.

    A flag takes a source or a student of the config back with nothing. A given
    student is not pruned, so the config's channels then say nothing. Where
    BatchNormalization is frozen an operation gets half of the cores, which must
    be said before TensorFlow runs anything.

    Args:
        config: A `ConfigDict`, as `configs/common.py` has it.

    Returns:
        A new dict.
    """
    keywords = config.to_dict()
    keywords.pop("train_teacher", None)
    for name in ("student", "labeled", "validation", "test"):
        keywords[name] = keywords[name] or None
    if keywords["student"] is not None:
        keywords["channels"] = None
    if keywords["transfer"]["batchnorm"] == "frozen":
        halve_threads()
    return keywords
