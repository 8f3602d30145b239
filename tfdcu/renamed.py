"""Options of earlier versions, and what to write instead."""

import functools
import inspect

# From the section of a config (`compress` for the sections themselves) and the
# option, which is a keyword of the section's function too.
RENAMED = {
    "batches.cache": "nothing; `tfdcu.data.training_batches` takes it",
    "batches.mix": "nothing; `augment` takes a function of your own",
    "batches.mix_share": "nothing; see `mix`",
    "channels.min_channels": "nothing, at least a tenth is kept; or "
    "`per_layer`, the share of a layer",
    "channels.ratio": "`macs`, `params` or `latency`",
    "channels.repair": "`reconstruct`",
    "channels.scope": "nothing; scores are compared across all layers, and "
    "`per_layer` sets the share of one",
    "channels.tolerance": "nothing; what is below the budget is taken",
    "channels.reestimate": "nothing; or `tfdcu.pruning."
    "reestimate_statistics` on the student",
    "compress.select": "nothing; leave images out of the pool's source",
    "compress.reestimate": "nothing; the moving averages are kept",
    "compress.iterative": "`channels` with `rounds`; the student is trained "
    "after the last round",
    "data.label_fraction": "`labels_per_class`",
    "data.match_colours": "`match_colors`",
    "export.max_difference": "`min_agreement`, at 0 for any difference",
    "few_labels.fraction": "`per_class`",
    "iterative.epochs": "nothing; the student is trained after the last round",
    "iterative.rounds": "`channels.rounds`",
    "search.select": "nothing; leave images out of the pool's source",
    "quantization.rate": "nothing; a tenth of `training.learning_rate`",
    "search.reestimate": "nothing; the moving averages are kept",
    "search.iterative": "`channels` with `rounds`, which only the front is "
    "pruned in",
    "search.trade": "`tradeoff`",
    "sparsity.block_pooling": "nothing; the mean of a block decides",
    "sparsity.initial_sparsity": "`schedule`, one of TFMOT's objects",
    "sparsity.begin_step": "`schedule`, one of TFMOT's objects",
    "sparsity.end_step": "`schedule`, one of TFMOT's objects",
    "sparsity.frequency": "`schedule`, one of TFMOT's objects",
    "sparsity.layers": "`exclude`, the layers to leave out",
    "targets.batch_size": "nothing; `tfdcu.teacher_targets` takes it",
    "targets.shard_size": "nothing; `tfdcu.teacher_targets` takes it",
    "training.jit_compile": "nothing; in a loop of your own, "
    "compile(jit_compile=)",
    "training.ema": "nothing; in a loop of your own, an optimizer of Keras "
    "with use_ema=True",
    "training.steps_per_execution": "nothing; in a loop of your own, "
    "compile(steps_per_execution=)",
    "transfer.align_schedule": "nothing; alignment grows as DANN's does",
    "transfer.batchnorm": "`freeze_batchnorm`, true or false",
    "transfer.class_shares": "nothing; images weigh the same",
    "transfer.mimic_balance": "nothing; images weigh the same",
    "transfer.features": "`feature_layers`, whose mean squared errors count",
    "transfer.head": "nothing; the last layer is trained with the others",
    "transfer.domain_units": "nothing; the domain classifier has 64",
}


def refuse_renamed(section, options):
    """Raise if an option was renamed or removed.

    Args:
        section: What the options are of, as in `RENAMED`.
        options: Dict of what the user gave.

    Raises:
        ValueError: The first such option, with what to write instead.
    """
    for name, value in options.items():
        if f"{section}.{name}" in RENAMED:
            raise ValueError(
                f"The option `{name}` was renamed or removed. Expected: "
                f"{RENAMED[f'{section}.{name}']}. Received: {name}={value!r}"
            )


def explain_renamed(section):
    """A decorator: calls with a renamed keyword say what to write instead.

    A keyword that the function still takes is only gone from configs.
    """

    def decorate(function):
        taken = inspect.signature(function).parameters

        @functools.wraps(function)
        def checked(*args, **kwargs):
            gone = {k: v for k, v in kwargs.items() if k not in taken}
            refuse_renamed(section, gone)
            return function(*args, **kwargs)

        return checked

    return decorate
