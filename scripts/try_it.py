"""`tfdcu try` in a clone."""

import sys

from tfdcu_cli.main import main

if __name__ == "__main__":
    main(["try", *sys.argv[1:]])
