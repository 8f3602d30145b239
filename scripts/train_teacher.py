"""`tfdcu train-teacher` in a clone."""

import sys

from tfdcu_cli.main import main

if __name__ == "__main__":
    main(["train-teacher", *sys.argv[1:]])
