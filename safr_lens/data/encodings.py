"""In which encoding a text file is written: looked up in its bytes, and said where it is not UTF-8."""

from __future__ import annotations

import codecs
import contextlib
import io
from collections.abc import Callable
from encodings.aliases import aliases
from typing import BinaryIO

from charset_normalizer import from_bytes

from safr_lens.errors import DataError, near_matches
from safr_lens.visible import shown

UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
CHUNK = 1 << 20
MOST_ACCENTS = 0.3
"""Share of letters beyond ASCII up to which bytes are taken for a Western European text; French has about 0.05."""
GUESSED = ("cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp932", "euc_jp", "gb18030", "big5", "cp949")


def find_encoding(open_bytes: Callable[[], BinaryIO], where: str, asked: str | None) -> str:
    """Return the encoding of a text file as Python names it: UTF-8, UTF-16 with its mark, or else Windows-1252.

    Args:
        open_bytes: opens the file.
        where: what to call it in a message.
        asked: the encoding that the user named.

    Raises:
        DataError: an encoding that does not exist, or bytes that are a text in none of these.
    """
    if asked is not None:
        return _checked(asked)
    with open_bytes() as file:
        start = file.read(4)
    if start.startswith(UTF32):
        return "utf-32"
    if start.startswith(UTF16):
        return "utf-16"
    if start[1::2] == b"\0\0" or start[::2] == b"\0\0":
        guess = "utf-16-le" if start[1:2] == b"\0" else "utf-16-be"
        raise DataError(f"{where} looks like UTF-16 without the mark that says so. {name_it(guess)}")
    try:
        with open_bytes() as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
            while text.read(CHUNK):
                pass
    except UnicodeDecodeError as error:
        return _western(open_bytes, where, error.object[error.start])
    return "utf-8-sig"


def name_it(encoding: str) -> str:
    """Return how the user names an encoding."""
    return f"If it is {encoding}, say so: --encoding {encoding} (in Python: encoding={shown(encoding)})."


def _western(open_bytes: Callable[[], BinaryIO], where: str, at: int) -> str:
    with open_bytes() as file:
        content = file.read()
    lenient = content.decode("utf-8", "replace")
    if 0 < lenient.count("\ufffd") <= sum(char > "\x7f" and char != "\ufffd" for char in lenient):
        line = lenient.partition("\ufffd")[0].count("\n") + 1
        raise DataError(
            f"{where} mixes encodings: line {line} is not UTF-8 text (byte 0x{at:02x}), but others are. "
            "Write the line anew."
        )
    with contextlib.suppress(UnicodeDecodeError):
        letters = [char for char in content.decode("cp1252") if char.isalpha()]
        if sum(not char.isascii() for char in letters) <= MOST_ACCENTS * len(letters):
            return "cp1252"
    raise DataError(
        f"{where} is not UTF-8 text (byte 0x{at:02x}), nor a Western European one in Windows-1252. "
        f"{name_it(_guess(content))} Or save it as UTF-8."
    )


def _guess(content: bytes) -> str:
    """Return the likeliest of the encodings in which all bytes are a text."""
    possible = [name for name in GUESSED if _decodes(content, name)]
    guesses = list(from_bytes(content[: 1 << 16], cp_isolation=possible)) if possible else []
    # bytes of Japanese texts are often valid Korean or Chinese ones, which have no hiragana
    guesses.sort(key=lambda one: (not _has_hiragana(str(one)), one.chaos, -one.coherence, GUESSED.index(one.encoding)))
    return guesses[0].encoding if guesses else "latin1"


def _has_hiragana(text: str) -> bool:
    letters = [char for char in text if char.isalpha() and not char.isascii()]
    return sum("\u3041" <= char <= "\u309f" for char in letters) > 0.1 * len(letters)


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _checked(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
        if not codecs.lookup(encoding)._is_text_encoding:
            raise LookupError
    except (LookupError, ValueError):
        known = [name.replace("_", "-") for name in {*aliases, *aliases.values()}]
        raise DataError(f"Unknown encoding {shown(encoding)}.{near_matches(encoding, known)}") from None
    return "utf-8-sig" if name == "utf-8" else name
