"""`tfdcu export` in a clone."""

import sys

from tfdcu_cli.main import main

if __name__ == "__main__":
    main(["export", *sys.argv[1:]])
