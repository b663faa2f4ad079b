"""``python -m safr_lens``: the command line, for launchers that want a module."""

from safr_lens.cli import main

if __name__ == "__main__":
    main()
