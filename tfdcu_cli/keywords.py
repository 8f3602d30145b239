"""A config as keyword arguments of the library."""

BUDGETS = ("macs", "params", "latency")


def keywords_of(config):
    """A config as keyword arguments of `tfdcu.compress`.

    An empty flag removes a source or a student. With a given student the
    section `channels` is ignored; without a budget half of the macs stay. With
    frozen BatchNormalization, the default of a pruned student, each operation
    gets half of the cores, which must be set before TensorFlow starts.

    Args:
        config: A `ConfigDict` with the fields of `configs/common.py`.

    Returns:
        A new dict.
    """
    from tfdcu.graph.parallel import halve_threads

    keywords = config.to_dict()
    keywords.pop("train_teacher", None)
    for name in ("student", "labeled", "validation", "test"):
        keywords[name] = keywords[name] or None
    channels = keywords["channels"]
    if all(channels[budget] is None for budget in BUDGETS):
        channels["macs"] = 0.5
    if keywords["student"] is not None:
        keywords["channels"] = None
    frozen = keywords["transfer"]["freeze_batchnorm"]
    if frozen or (frozen is None and keywords["student"] is None):
        halve_threads()
    return keywords


def open_config(config, *sources):
    """The teacher and the images of a config, opened as a run does.

    Args:
        config: What `keywords_of` returned.
        *sources: Names of the sources to open; others are left out.

    Returns:
        (teacher, `Splits`).
    """
    from tfdcu.stages.start import open_all

    names = ("labeled", "unlabeled", "validation", "test")
    teacher, _, splits = open_all(
        config["teacher"],
        config["preprocess"],
        None,
        {name: config[name] if name in sources else None for name in names},
        config,
        config["seed"],
    )
    return teacher, splits
