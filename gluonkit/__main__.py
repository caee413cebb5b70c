"""``python -m gluonkit``: the same as the `gluonkit` command, which starts faster."""

import sys

from gluonkit.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
