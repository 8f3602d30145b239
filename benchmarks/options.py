"""What several benchmarks ask for on the command line.

A flag has one home, so that any of them can be imported beside any other; each
sets the defaults that differ when it is the one that is run.
"""

from absl import flags

TEACHER = flags.DEFINE_string("teacher", None, "The trained teacher.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Prepared TFDS data sets.")
PHOTOS = flags.DEFINE_string("photos", None, "Folder of the photos.")
RUNS = flags.DEFINE_string("runs", "runs", "Where the runs go.")
ROWS = flags.DEFINE_list("rows", [], "Rows of the table; all when empty.")
SEEDS = flags.DEFINE_integer("seeds", 5, "Seeds 0 to this many are run.")
