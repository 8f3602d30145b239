"""Training under a `tf.distribute` strategy: sharding of batches and logs.

Under `tf.distribute.MultiWorkerMirroredStrategy`, with one process per worker,
every worker runs the same program, creates the same batches (same sources,
same seed) and passes the **global** batch to `AlignedDistiller.fit`; each
replica then takes its share of every batch. Loss, metrics and weights equal
those of a single process up to float32 rounding (the tests allow a relative
difference of 1e-4, plus 1e-5) and are identical on all workers.

```python
# TF_CONFIG lists the workers and which of them this process is.
strategy = tf.distribute.MultiWorkerMirroredStrategy()
with strategy.scope():
    student = tfdcu.prune_channels(tfdcu.models.load("teacher.keras"), macs=0.5)
    model = tfdcu.AlignedDistiller(student, teacher)
    model.compile("sgd", metrics=["accuracy"])
model.fit(tfdcu.data.training_batches(labeled, unlabeled, batch_size=128))
```

The auto-shard policy is always DATA: sharding by files would separate the
labeled from the unlabeled images of a batch. Every worker therefore prepares
all images of a batch and keeps its share. If that is too expensive, create
each worker's share with `strategy.distribute_datasets_from_function`, whose
datasets are not sharded again. Each element is then the batch of one replica,
of equal size on all of them, each worker needs its own order (another seed),
and `fit` needs `steps_per_epoch`::

    def share(context):
        mine = pool[context.input_pipeline_id :: context.num_input_pipelines]
        size = context.get_per_replica_batch_size(128)
        return tfdcu.data.training_batches(
            labeled, mine, batch_size=size, seed=context.input_pipeline_id
        ).repeat()

    batches = strategy.distribute_datasets_from_function(share)

Statistics of a batch are those of one replica's share. This concerns
BatchNormalization, as always in Keras (`synchronized=True` in the layer uses
the global batch), and a function for `align`: the student is then identical on
all workers but differs from that of a single device.

Callbacks run on every worker: give callbacks that write files, such as
`tfdcu.training.Checkpoint`, a separate folder for each worker, and restore
inside the scope. After an interruption all workers must resume from the same
epoch.
"""

import tensorflow as tf

from tfdcu.training.moving_average import norms_of


def multi_worker(strategy):
    """Whether a strategy has replicas in more than one process.

    Args:
        strategy: A `tf.distribute.Strategy`.

    Returns:
        Bool; `False` for a `MultiWorkerMirroredStrategy` with one worker.
    """
    return isinstance(
        strategy, tf.distribute.MultiWorkerMirroredStrategy
    ) and strategy.num_replicas_in_sync > len(strategy.extended.worker_devices)


def shared_batches(batches, strategy):
    """Prepare global batches to be divided among the replicas.

    Args:
        batches: A `tf.data.Dataset` of global batches, the same on every
            worker. Anything else, such as a distributed dataset, is returned
            unchanged.
        strategy: The `tf.distribute.Strategy` that divides them.

    Returns:
        A `tf.data.Dataset` of the same batches with the auto-shard policy
        DATA. If the size of a batch is not known statically, reading one that
        is not divisible raises `tf.errors.InvalidArgumentError`.

    Raises:
        ValueError: If the batches do not divide into equal shares; the mean
            over replicas would then differ from the mean over the batch.
    """
    num = strategy.num_replicas_in_sync
    if num == 1 or not isinstance(batches, tf.data.Dataset):
        return batches
    sizes = [s.shape[0] for s in tf.nest.flatten(batches.element_spec)]
    if any(size is not None and size % num for size in sizes):
        raise ValueError(f"{UNEQUAL.format(num)} Received: {sizes}")
    if None in sizes:
        batches = batches.map(lambda *batch: divisible(batch, num))
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return batches.with_options(options)


UNEQUAL = (
    "A batch cannot be divided equally among the replicas. Expected: numbers "
    "of labeled and of unlabeled images that are multiples of {0} in every "
    "batch, including the last."
)


def divisible(batch, num):
    """The batch, after checking that it divides into `num` equal shares."""
    for part in tf.nest.flatten(batch):
        size = tf.shape(part)[0]
        tf.debugging.assert_equal(size % num, 0, UNEQUAL.format(num))
    return batch


def check_execution(model):
    """Raise for `steps_per_execution` above 1 on several workers.

    Keras 3.15 runs these steps in one loop, which TensorFlow 2.21 does not
    support under this strategy ("You must feed a value for placeholder").
    """
    steps = model.steps_per_execution
    if steps > 1 and multi_worker(model.distribute_strategy):
        raise ValueError(
            "Several steps per execution are not supported on several "
            "workers. Expected: `compile(steps_per_execution=1)`. "
            f"Received: steps_per_execution={steps}"
        )


def share_statistics(model, strategy):
    """Average the moving BatchNorm statistics over all replicas.

    In Keras 3.15 each replica has its own, so every worker would end with a
    different student. Called in each step, in each replica.

    Args:
        model: A `keras.Model` that was just called with `training=True`.
        strategy: The `tf.distribute.Strategy` of the step.
    """
    statistics = [
        variable.value
        for layer in norms_of(model)
        if layer.trainable
        for variable in (layer.moving_mean, layer.moving_variance)
    ]
    if strategy.num_replicas_in_sync == 1 or not statistics:
        return
    replica = tf.distribute.get_replica_context()
    means = replica.all_reduce(
        tf.distribute.ReduceOp.MEAN, [tf.identity(v) for v in statistics]
    )
    for variable, mean in zip(statistics, means):
        variable.assign(mean)


def predict_share(model, images):
    """Outputs of a model in inference mode for a share that may be empty.

    A worker may get no image of the last batch of an evaluation, and
    TensorFlow's oneDNN convolutions fail on empty batches, so a blank image
    is used instead.

    Args:
        model: A `keras.Model` with one output.
        images: Float tensor (batch, height, width, channels).

    Returns:
        Tensor (batch, ...).
    """
    num = tf.shape(images)[0]
    rows = [0, tf.cast(num == 0, "int32")]
    images = tf.pad(images, [rows, *[[0, 0]] * (len(images.shape) - 1)])
    return model(images, training=False)[:num]


def batch_spec(batches):
    """The spec of one replica's batch, without reading a batch."""
    # The spec of a distributed batch holds one spec per replica.
    return tf.nest.map_structure(
        lambda spec: tf.nest.flatten(spec, expand_composites=True)[0],
        batches.element_spec,
    )


def as_rows(logs, strategy):
    """Logs as vectors of length 1 on several workers.

    Keras reduces the logs of a step over workers along their first axis, which
    scalars do not have.
    """
    if not multi_worker(strategy):
        return logs
    return {name: tf.reshape(value, (1,)) for name, value in logs.items()}
