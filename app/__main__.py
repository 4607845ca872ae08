"""`huntarr`, and `python -m app`: imports the command line without the garbage collector, and runs it."""

import gc
import sys


def main() -> int:
    """What is imported lives for ever: visiting it, again and again while it grows, is an eighth of a start."""
    gc.disable()
    from app import cli  # here: the collector has to be off before

    gc.freeze()
    gc.enable()
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
