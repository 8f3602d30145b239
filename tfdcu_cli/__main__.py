"""`python -m tfdcu_cli` is the command `tfdcu`."""

from tfdcu_cli.main import main

if __name__ == "__main__":
    main()
