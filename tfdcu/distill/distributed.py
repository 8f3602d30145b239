"""Batches and numbers of a run that several workers share.

`AlignedDistiller.fit` runs under `tf.distribute.MultiWorkerMirroredStrategy`,
one process a worker, as on one: every worker runs the same program, makes the
same batches (the same sources, the same seed) and gives `fit` the **global**
batch; this module sees to it that each replica takes its own share of every
batch. Loss, metrics and weights are those of one process, up to the rounding
of float32 (the tests allow 1e-4 of a value, plus 1e-5), and the very same on
every worker.

```python
# TF_CONFIG says who the workers are and which of them this process is.
strategy = tf.distribute.MultiWorkerMirroredStrategy()
with strategy.scope():
    student = tfdcu.prune_channels(tfdcu.models.load("teacher.keras"), macs=0.5)
    model = tfdcu.AlignedDistiller(student, teacher)
    model.compile("sgd", metrics=["accuracy"])
model.fit(tfdcu.data.training_batches(labeled, unlabeled, batch_size=128))
```

Sharding is by data, whatever policy the dataset came with: the labeled and
the unlabeled images of a batch must stay a batch, which sharding by files
would break. Every worker then prepares all images of a batch and keeps its
share. Where that is too dear, make each worker's share itself, with
`strategy.distribute_datasets_from_function`: its datasets are left as they
are. Each element is then what one replica gets, of equal size on all of them,
with an order of its own (another seed), and `fit` needs `steps_per_epoch`::

    def share(context):
        mine = pool[context.input_pipeline_id :: context.num_input_pipelines]
        size = context.get_per_replica_batch_size(128)
        return tfdcu.data.training_batches(
            labeled, mine, batch_size=size, seed=context.input_pipeline_id
        ).repeat()

    batches = strategy.distribute_datasets_from_function(share)

What looks at a batch as a whole sees the share of one replica. So do
BatchNormalization, as under every strategy of Keras (`synchronized=True` in
the layer takes the statistics of the global batch), and `align="coral"` or
`"mmd"`: with these the student is the same on every worker, but not that of
one device.

Callbacks run on every worker: give those that write, such as
`tfdcu.distill.Checkpoint`, a folder of its own for each worker, and restore
inside the scope. After an interruption all workers must go on from the same
epoch.
"""

import tensorflow as tf
from keras import layers


def many_workers(strategy):
    """Whether the replicas of a strategy live in more than one process.

    Args:
        strategy: A `tf.distribute.Strategy`.

    Returns:
        A bool; `False` for a `MultiWorkerMirroredStrategy` of one worker.
    """
    return isinstance(
        strategy, tf.distribute.MultiWorkerMirroredStrategy
    ) and strategy.num_replicas_in_sync > len(strategy.extended.worker_devices)


def shared_batches(batches, strategy):
    """Global batches, ready to be divided among the replicas.

    Args:
        batches: A `tf.data.Dataset` of global batches, the same on every
            worker. Anything else, such as a `tf.distribute.DistributedDataset`
            that is divided already, is returned as it is.
        strategy: The `tf.distribute.Strategy` that will divide them.

    Returns:
        A `tf.data.Dataset` of the same batches, sharded by data. Where the
        size of a batch is unknown before it is read, reading one that does
        not divide raises `tf.errors.InvalidArgumentError`.

    Raises:
        ValueError: If the batches do not divide into equal shares, as the
            mean over the replicas would not be that over the batch.
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
    "Every replica takes an equal share of each batch. Expected: numbers of "
    "labeled and of unlabeled images that are multiples of {0} in every "
    "batch, the last one too."
)


def divisible(batch, num):
    """The batch, once its parts are seen to divide into `num` shares."""
    for part in tf.nest.flatten(batch):
        size = tf.shape(part)[0]
        tf.debugging.assert_equal(size % num, 0, UNEQUAL.format(num))
    return batch


def check_execution(model):
    """Raise if several steps would run in one call on many workers.

    Keras 3.15 puts such steps into one loop, which TensorFlow 2.21 then does
    not run under this strategy ("You must feed a value for placeholder").
    """
    steps = model.steps_per_execution
    if steps > 1 and many_workers(model.distribute_strategy):
        raise ValueError(
            "Several workers meet after every step. Expected: "
            "`compile(steps_per_execution=1)`. "
            f"Received: steps_per_execution={steps}"
        )


def share_statistics(model, strategy):
    """Give all replicas the mean of their moving BatchNorm statistics.

    Keras 3.15 leaves each replica its own, so that every worker would end
    with another student. Called in each step, in each replica.

    Args:
        model: A `keras.Model` that was just run in training.
        strategy: The `tf.distribute.Strategy` of the step.
    """
    statistics = [
        variable.value
        for layer in model._flatten_layers()
        if isinstance(layer, layers.BatchNormalization) and layer.trainable
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


def outputs_of_share(model, images):
    """What a model gives, outside training, for a share that may be empty.

    Of the last batch of an evaluation a worker may get no image, and
    TensorFlow's oneDNN convolutions fail on none: a blank one stands in.

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
    """Shapes and types of what one replica gets, without reading a batch."""
    # The spec of a distributed batch holds one for each replica.
    return tf.nest.map_structure(
        lambda spec: tf.nest.flatten(spec, expand_composites=True)[0],
        batches.element_spec,
    )


def as_rows(logs, strategy):
    """Numbers in the shape of which Keras can take the mean over workers.

    Keras reduces the logs of a step along their first axis when there are
    several workers, which scalars do not have.
    """
    if not many_workers(strategy):
        return logs
    return {name: tf.reshape(value, (1,)) for name, value in logs.items()}
