"""All fields of an experiment with their defaults.

An experiment is another file that starts from `get_config()` here and changes
some fields. Each section holds the options of one function, which documents
them. A flag changes a field: `--config.channels.macs=0.3`.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder


def get_config():
    config = ConfigDict()
    # Path of the trained classifier, .keras or .h5.
    config.teacher = placeholder(str)
    # The preprocessing outside of the teacher that it was trained with:
    # "caffe", "tf", "torch" or (mean, deviation).
    config.preprocess = placeholder(object)
    # Path of a student to train instead of the pruned teacher.
    config.student = placeholder(str)
    # Sources: a folder, an .npz file, digits, printed, tfds:<name>.
    config.labeled = placeholder(str)
    config.unlabeled = placeholder(str)
    config.validation = placeholder(str)
    config.test = placeholder(str)
    # Whether to also train the same student on the labels alone.
    config.baseline = False
    config.seed = 0
    # 0 prints nothing, 1 bars, 2 a line for each epoch.
    config.verbose = 1

    # tfdcu.data.prepare
    config.data = ConfigDict()
    # Splits, for sources that have them; an empty flag removes the split of a
    # config: --config.data.test_split=
    config.data.labeled_split = placeholder(str)
    config.data.unlabeled_split = placeholder(str)
    config.data.validation_split = placeholder(str)
    config.data.test_split = placeholder(str)
    # Labeled images per class; all if not set.
    config.data.labels_per_class = placeholder(int)
    config.data.validation_per_class = 0
    # Pool images held out to measure the student after each epoch: a number,
    # or a share below 1. If not set, a tenth of the pool, at most 500.
    config.data.pool_validation = placeholder(object)
    # Whether to match the colors of the pool to the labeled images.
    config.data.match_colors = False
    # The teacher's class names in its order, if the data use another.
    config.data.classes = placeholder(object)
    # (height, width, channels) of all images; the teacher's if not set.
    config.data.image_shape = placeholder(object)
    # Range of the pixel values that the teacher expects.
    config.data.value_range = (0.0, 1.0)
    # Folder of prepared TFDS data sets.
    config.data.data_dir = placeholder(str)

    # tfdcu.data.training_batches
    config.batches = ConfigDict()
    config.batches.batch_size = 32
    # A quarter of `batch_size` if not set.
    config.batches.labeled_batch_size = placeholder(int)
    # None, "flip_crop", "shift", "zoom", "color", or a tuple of these.
    config.batches.augment = placeholder(object)

    # tfdcu.prune_channels; exactly one of macs, params and latency. A flag
    # of 0 removes the budget of a config: --config.channels.macs=0
    config.channels = ConfigDict()
    config.channels.macs = placeholder(float)
    config.channels.params = placeholder(float)
    # Of the LiteRT file, in int8 if `export.formats` includes it.
    config.channels.latency = placeholder(float)
    # Size of the student's images, such as 160, if not the teacher's: budgets
    # stay those of the teacher, and fewer channels are removed.
    config.channels.image_size = placeholder(object)
    # How channels are scored; "taylor" if not set, on pool images and labeled
    # images (labels are not used).
    config.channels.importance = placeholder(str)
    # Widths are multiples of this.
    config.channels.round_to = 8
    # Layers that are not pruned: names, or patterns such as "stem*".
    config.channels.exclude = ()
    # Share of its channels that a layer keeps: a dict from name or pattern.
    config.channels.per_layer = placeholder(object)
    # Whether to reconstruct the pruned layers by least squares on these images;
    # true if not set.
    config.channels.reconstruct = placeholder(bool)
    # Number of rounds of scoring, pruning and reconstruction; automatic if not
    # set.
    config.channels.rounds = placeholder(int)

    # tfdcu.teacher_targets: number of augmented views of each image whose
    # teacher logits are stored before training; 0 runs the teacher every step.
    config.targets = ConfigDict()
    config.targets.views = 0
    # The same for labeled images; `views` if not set.
    config.targets.labeled_views = placeholder(int)
    # Whether to store the mean of the logits of a view and its mirror image,
    # and to train on both.
    config.targets.mirror = False
    # Number of logits stored for each view; all if not set.
    config.targets.top_k = placeholder(int)
    # A folder that several runs with the same teacher and pool share.
    config.targets.shared = placeholder(str)

    # tfdcu.Sparsify; 0 for dense weights.
    config.sparsity = ConfigDict()
    config.sparsity.final_sparsity = 0.0
    config.sparsity.schedule = "polynomial"
    # Blocks of kernels of Dense layers, or m of n consecutive weights.
    config.sparsity.block_size = (1, 1)
    config.sparsity.m_by_n = placeholder(tuple)
    config.sparsity.exclude = ()

    # tfdcu.AlignedDistiller
    config.transfer = ConfigDict()
    config.transfer.mimic = "kl"
    config.transfer.temperature = 4.0
    config.transfer.label_weight = 1.0
    config.transfer.mimic_weight = 1.0
    config.transfer.align_weight = 0.1
    # "adversarial", or a function (labeled features, unlabeled features).
    config.transfer.align = "adversarial"
    # One or several layer names; chosen from the graph if not set.
    config.transfer.align_layers = placeholder(object)
    # Layers whose outputs follow the teacher's: one or several names; if not
    # set, the last before pooling of a pruned student without stored targets.
    config.transfer.feature_layers = placeholder(object)
    # Weight of these features; 0 for none.
    config.transfer.feature_weight = 100.0
    # Whether BatchNormalization keeps its moving averages; if not set, those
    # of a pruned or trained student, not of a new one.
    config.transfer.freeze_batchnorm = placeholder(bool)

    # tfdcu.training.train
    config.training = ConfigDict()
    config.training.epochs = 20
    # "sgd", "adam" or "adamw"; if not set, "adam" for a pruned or trained
    # student, "sgd" for a new one.
    config.training.optimizer = placeholder(str)
    # If not set, 0.05 for SGD, else from the number of weights.
    config.training.learning_rate = placeholder(float)
    config.training.warmup = 0.05
    config.training.weight_decay = 1e-4
    config.training.clipnorm = placeholder(float)

    # tfdcu.quantize_aware: bits of the weights of the integer files, 8, 4 or a
    # mean between; calibrated after training if not set.
    config.quantization = ConfigDict()
    config.quantization.weight_bits = placeholder(float)
    # A tenth of `training.epochs` if not set.
    config.quantization.epochs = placeholder(int)

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
    # Store zeros in a sparse encoding; not possible with "dynamic".
    config.export.sparse = False
    # Required agreement: a number, or a dict by format; default if not set.
    config.export.min_agreement = placeholder(object)
    # Number of pool images that check the files. As many labeled images (with
    # pool images if there are fewer than 100) calibrate int8.
    config.export.num_images = 256
    return config


def teacher_fields():
    """The section `train_teacher`: the keywords of `tfdcu.train_teacher`."""
    fields = ConfigDict()
    # digits, resnet20, 32, 56 or 110, vgg16_bn, or one of keras.applications.
    fields.model = placeholder(str)
    fields.labeled = placeholder(str)
    fields.split = placeholder(str)
    fields.test = placeholder(str)
    fields.test_split = placeholder(str)
    fields.data_dir = placeholder(str)
    # (height, width, channels); the images' own if not set.
    fields.image_shape = placeholder(object)
    # Factor on all channel counts.
    fields.width = 1.0
    fields.batch_size = 64
    fields.augment = placeholder(object)
    fields.training = get_config().training
    fields.seed = 0
    fields.verbose = 1
    return fields


def search_fields():
    """The section `search`: the keywords of `tfdcu.search`."""
    fields = ConfigDict()
    fields.max_trials = 20
    # RandomSearch, BayesianOptimization, Hyperband or GridSearch.
    fields.tuner = "BayesianOptimization"
    # macs, params, bytes or latency_ms.
    fields.cost = "macs"
    # Accuracy on validation images, or agreement with the teacher on held-out
    # pool images; accuracy if there are validation images if not set.
    fields.quality = placeholder(str)
    # Maximum costs; larger students are not trained.
    fields.limits = ConfigDict()
    fields.limits.macs = placeholder(int)
    fields.limits.params = placeholder(int)
    fields.limits.bytes = placeholder(int)
    fields.limits.latency_ms = placeholder(float)
    # Shares of the pool and of the epochs for trials.
    fields.pool_share = 1.0
    fields.epochs_share = 1.0
    fields.max_winners = 5
    # The quality that halving the cost is worth.
    fields.tradeoff = 0.01
    # Dict from section to dict from field to values: a tuple is a range, a
    # list a choice.
    fields.space = placeholder(object)
    return fields
