"""`visus`, and `python -m visus`."""

import gc
import sys


def main() -> None:
    """Runs the command line and exits: 0 answered, 1 refused or failed, 2 wrongly called."""
    # Modules that are being read leave nothing to collect: a tenth of a start went into it.
    gc.disable()
    from visus.cli import run  # noqa: PLC0415 -- reads most of them

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
