"""Starts the commands: ``python -m senet_lab`` and ``senet-lab``."""

from senet_lab.cli.app import main

if __name__ == "__main__":
    main()
