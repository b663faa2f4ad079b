"""``python -m safr_lens`` and ``safr-lens``: the command line; Ctrl-C and SIGTERM end it in a line from the start."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line."""
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        from safr_lens.cli import main as run

        run()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
    finally:
        exec("")  # otherwise Python, interrupted within an exec of a library, ends by SIGINT whatever the status


if __name__ == "__main__":
    main()
