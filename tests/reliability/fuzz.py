"""Generated bad inputs at every door: each is used, or refused with one clear message, within ten seconds.

    python tests/reliability/fuzz.py --n 3000 --seed 0

prints a table by door and, for each fault, where it was raised; it exits with 1 where there is one.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from jaxtyping import TypeCheckError

sys.path.insert(0, str(Path(__file__).parents[2]))

from safr_lens.errors import SafrLensError
from tests.reliability.doors import Door, Place, Refused, doors

LONGEST_S = 10
LONG_QUOTE = re.compile(r"x{150}|(a film ){30}")
USED, REFUSED = "used", "refused"
FAULTS = ("traceback", "hang", "half-written or raw", "long quote")


class Hang(BaseException):
    """A case that takes longer than ten seconds."""


@contextmanager
def limited(seconds: int = LONGEST_S) -> Iterable[None]:
    """Raise :class:`Hang` in a block that takes longer."""

    def ring(*_: Any) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def outcome(door: Door, drawn: Any, place: Path) -> tuple[str, str]:
    """Put one input through a door, in a folder where it may write.

    Returns:
        What came of it, and where a fault was raised.
    """
    try:
        with (
            limited(),
            chdir(place),
            warnings.catch_warnings(),
            redirect_stdout(StringIO()),
            redirect_stderr(StringIO()),
        ):
            warnings.simplefilter("ignore")
            door.enter(drawn)
    except Refused as refused:
        said = str(refused)
        if "Traceback" in said:
            return "traceback", said[-200:]
        return _refused(said)
    except TypeCheckError:  # the tests check some types ahead of the functions that do (tests/__init__.py)
        return REFUSED, ""
    except SafrLensError as error:
        return _refused(str(error))
    except Hang:
        return "hang", ""
    except AssertionError as error:
        return "half-written or raw", str(error)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # whatever else comes out of a door is what is looked for
        return "traceback", f"{type(error).__name__} at {_place(error)}: {str(error)[:90]}"
    return USED, ""


def _refused(said: str) -> tuple[str, str]:
    flat = re.sub(r"[\s│]+", " ", said)
    return ("long quote", flat[:160]) if LONG_QUOTE.search(flat) else (REFUSED, "")


def _place(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "safr_lens/" in frame.filename]
    last = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename.rpartition('safr_lens/')[2]}:{last.lineno}"


def fuzz(place: Place, *, n: int, number: int = 0, names: Iterable[str] = ()) -> tuple[dict[str, Counter], dict]:
    """Put ``n`` inputs through all doors, and return outcomes by door and examples of faults by their place."""
    chosen = [door for door in doors(place) if not names or door.name in names]
    found: dict[str, Counter] = {door.name: Counter() for door in chosen}
    examples: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for door in chosen:
        for drawn in _drawn(door, n=-(-n // len(chosen)), number=number):
            result, where = outcome(door, drawn, place.folder)
            found[door.name][result] += 1
            if result in FAULTS:
                examples[door.name, result, where].append(repr(drawn)[:300])
    return found, examples


def _drawn(door: Door, *, n: int, number: int) -> list[Any]:
    drawn: list[Any] = []

    @seed(number)
    @settings(
        max_examples=n,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(door.inputs)
    def draw(one: Any) -> None:
        drawn.append(one)

    draw()
    return drawn


def table(found: dict[str, Counter]) -> str:
    """Return outcomes by door as Markdown."""
    columns = (USED, REFUSED, *FAULTS)
    lines = [f"| door | inputs | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
    total: Counter = Counter()
    for name, counts in [*found.items(), ("all", total)]:
        total = total if name == "all" else total + counts
        counts = total if name == "all" else counts
        lines.append(f"| {name} | {counts.total():,} | {' | '.join(f'{counts[one]:,}' for one in columns)} |")
    return "\n".join(lines)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=3000, help="inputs in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--door", action="append", default=[], help="one door; may be repeated")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found, examples = fuzz(Place(Path(folder)), n=asked.n, number=asked.seed, names=asked.door)
    print(table(found))
    for (name, result, where), drawn in sorted(examples.items()):
        print(f"\n{name}: {result}, {len(drawn)} times: {where}\n    {drawn[0]}")
    sys.exit(bool(examples))


if __name__ == "__main__":
    main()
