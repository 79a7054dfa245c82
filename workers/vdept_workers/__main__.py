"""``python -m vdept_workers`` is the ``vdept`` command."""

from vdept_workers.cli import main

if __name__ == "__main__":
    main()
