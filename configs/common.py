"""Every field of an experiment once, with its default and what it is for.

An experiment is a file beside this one that starts from `get_config()` here
and changes what it needs. Each section holds the keywords of one function,
which documents them; a field is changed from outside with, for example,
`--config.channels.macs=0.3`.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder


def get_config():
    config = ConfigDict()
    # Path of the trained classifier, .keras or .h5.
    config.teacher = placeholder(str)
    # Path of a student to train instead of the pruned teacher.
    config.student = placeholder(str)
    # Sources: digits, printed, tfds:<name>, folder:<path>, npz:<path>.
    config.labeled = placeholder(str)
    config.unlabeled = placeholder(str)
    config.validation = placeholder(str)
    config.test = placeholder(str)
    # Whether the same student is trained on the labels alone, to compare.
    config.baseline = False
    config.seed = 0

    # tfdcu.data.prepare
    config.data = ConfigDict()
    # Of sources that have splits; a flag takes the config's own one back with
    # nothing: --config.data.test_split=
    config.data.labeled_split = placeholder(str)
    config.data.unlabeled_split = placeholder(str)
    config.data.validation_split = placeholder(str)
    config.data.test_split = placeholder(str)
    # Labeled images a class; all when not set.
    config.data.labels_per_class = placeholder(int)
    config.data.validation_per_class = 0
    # Pool images kept from training, to measure the student on after each
    # epoch: a number, or a share below 1; none: a tenth, at most 500.
    config.data.pool_validation = placeholder(object)
    # Whether the pool is given the labeled images' light and tint.
    config.data.match_colors = False
    # The teacher's class names in its own order, where the data have others.
    config.data.classes = placeholder(object)
    # (height, width, channels) of all images; the teacher's when not set.
    config.data.image_shape = placeholder(object)
    # Pixels as the teacher wants them.
    config.data.value_range = (0.0, 1.0)
    # Where TFDS finds prepared data sets.
    config.data.data_dir = placeholder(str)

    # tfdcu.data.training_batches
    config.batches = ConfigDict()
    config.batches.batch_size = 64
    # As many as unlabeled ones when not set.
    config.batches.labeled_batch_size = placeholder(int)
    # None, "flip_crop", "shift", "zoom", "color", or a tuple, in order.
    config.batches.augment = placeholder(object)
    # None, "mixup" or "cutmix": pool images mixed with the labeled ones, or
    # with one another where there are none; and the share that is mixed.
    config.batches.mix = placeholder(str)
    config.batches.mix_share = 0.5
    # Whether decoded images are kept in memory: True, False, or where they fit.
    config.batches.cache = placeholder(object)
    config.batches.cache = "auto"

    # tfdcu.select_pool: "confidence", "balance" or "nnpu"; the whole pool when
    # not set.
    config.select = ConfigDict()
    config.select.by = placeholder(str)
    # A share of the pool or a number of images; found when not set.
    config.select.keep = placeholder(object)
    # Whether flat images, noise and copies are left out.
    config.select.drop_junk = True

    # tfdcu.prune_channels; exactly one of macs, params and latency. A
    # flag takes the config's own one back with 0: --config.channels.macs=0.
    config.channels = ConfigDict()
    config.channels.macs = placeholder(float)
    config.channels.params = placeholder(float)
    # Of the LiteRT file, as int8 where `export.formats` has it.
    config.channels.latency = placeholder(float)
    # How a channel's worth is told; none: "taylor", from images of the pool and
    # the labeled ones, whose labels are not used.
    config.channels.importance = placeholder(str)
    # Kept channels are multiples of this.
    config.channels.round_to = 8
    # Layers that stay whole: names, or patterns such as "stem*".
    config.channels.exclude = ()
    # Shares of the channels that layers keep: a dict from names or patterns.
    config.channels.per_layer = placeholder(object)
    # Whether kernels are solved anew on these images to make up for what was
    # cut; they are when not set.
    config.channels.reconstruct = placeholder(bool)
    # BatchNorm statistics computed anew on them after the cut.
    config.channels.reestimate = False
    # Rounds, each of which scores and reconstructs what the one before left;
    # found when not set.
    config.channels.rounds = placeholder(int)

    # tfdcu.teacher_targets: views of each image that the teacher is asked about
    # once, before training; 0 asks it in every step.
    config.targets = ConfigDict()
    config.targets.views = 0
    # Views of each labeled image, as many as of the others when not set.
    config.targets.labeled_views = placeholder(int)
    # Whether the teacher is asked about the mirror image too: the mean is kept
    # for both, and the student sees both.
    config.targets.mirror = False
    # Logits kept of each view, all when not set.
    config.targets.top_k = placeholder(int)
    config.targets.batch_size = 256
    # A folder that runs of the same teacher and pool share.
    config.targets.shared = placeholder(str)

    # tfdcu.Sparsify; 0 for dense weights.
    config.sparsity = ConfigDict()
    config.sparsity.final_sparsity = 0.0
    config.sparsity.schedule = "polynomial"
    # Training steps; the end is found from the run's length when not set.
    config.sparsity.begin_step = 0
    config.sparsity.end_step = placeholder(int)
    config.sparsity.frequency = placeholder(int)
    # Blocks of dense kernels, or m of n consecutive weights.
    config.sparsity.block_size = (1, 1)
    config.sparsity.m_by_n = placeholder(tuple)
    config.sparsity.layers = placeholder(tuple)
    config.sparsity.exclude = ()

    # tfdcu.AlignedDistiller
    config.transfer = ConfigDict()
    config.transfer.mimic = "kl"
    config.transfer.temperature = 4.0
    # From 0 to 1: how far scarce classes count as much as frequent ones.
    config.transfer.mimic_balance = 0.0
    config.transfer.label_weight = 1.0
    config.transfer.mimic_weight = 1.0
    config.transfer.align_weight = 0.1
    # "adversarial", or a function of labeled and unlabeled features.
    config.transfer.align = "adversarial"
    # A layer name or several; none: found from the graph.
    config.transfer.align_layers = placeholder(object)
    # How layers follow the teacher's: "mse", "attention" or "relation".
    config.transfer.features = placeholder(str)
    # A layer name or several; none: the last before the pooling.
    config.transfer.feature_layers = placeholder(object)
    # What that weighs; at 0 no features are followed.
    config.transfer.feature_weight = 1.0
    # "trained", or "teacher": the teacher's own head, which stays as it is.
    config.transfer.head = "trained"
    config.transfer.batchnorm = "joint"

    # tfdcu.training.train
    config.training = ConfigDict()
    config.training.epochs = 20
    config.training.optimizer = "sgd"
    config.training.learning_rate = 0.05
    config.training.warmup = 0.05
    config.training.weight_decay = 1e-4
    config.training.clipnorm = placeholder(float)
    config.training.jit_compile = False

    # BatchNorm's statistics computed anew when training ends, of these images:
    # "labeled" or "pool"; none: the moving averages stay.
    config.reestimate = ConfigDict()
    config.reestimate.images = placeholder(str)

    # tfdcu.export.export_all
    config.export = ConfigDict()
    # "weight8", too: int8 weights, float arithmetic.
    config.export.formats = ("float32", "float16", "dynamic", "int8")
    # A file more for each place where it is to run: "mediapipe", "web",
    # "android", "microcontroller", "ethos-u".
    config.export.targets = ()
    # What int8 takes and gives: "float32", "uint8" or "int8".
    config.export.io = "float32"
    # "logits", or "probabilities", with a softmax at the end of every file.
    config.export.output = "logits"
    # Zeros stored in short: smaller before gzip, not with "dynamic".
    config.export.sparse = False
    # Checks: a number, or a dict by format; found when not set.
    config.export.min_agreement = placeholder(object)
    # Pool images that check the files; as many labeled ones, where there are
    # 100, calibrate int8, else they and these.
    config.export.num_images = 256
    return config
