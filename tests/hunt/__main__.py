"""``python -m hunt``."""

import sys

from hunt.running import main

if __name__ == "__main__":
    sys.exit(main())
