"""``python -m safr_lens`` and ``safr-lens``: the command line; Ctrl-C ends it in a line from the start."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    try:
        from safr_lens.cli import main as run

        run()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
