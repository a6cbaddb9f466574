"""`visus`, and `python -m visus`."""

import sys

from visus.cli import run


def main() -> None:
    """Runs the command line and exits: 0 answered, 1 refused or failed, 2 wrongly called."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
