"""Names that read as they are: no character that is taken for another one.

A seal maker or an authority certifies the name that it was given; whether a reader takes it for the name of somebody
else is asked here. Letters of the scripts in which Chinese institutions are named are allowed, and nothing that merely
looks like them (Unicode TR 39 section 4).
"""

import unicodedata

# As Unicode names begin: Han, Latin in full width, Hangul, and the scripts of the autonomous regions.
_SCRIPTS = (
    "CJK UNIFIED IDEOGRAPH-",
    "FULLWIDTH ",
    "HANGUL SYLLABLE ",
    "TIBETAN ",
    "MONGOLIAN ",
    "ARABIC ",
    "YI SYLLABLE ",
)
_PIECES = ("CJK RADICAL ", "KANGXI RADICAL ", "CJK STROKE ")  # symbols to Unicode, letters to a reader
_LETTERS = frozenset("々〇")
_LARGEST = 400  # characters of a name that are looked at; longer ones are refused


def lookalike(text: str) -> str | None:
    """The first character of `text` that may be taken for another one, as `U+0430`; None if there is none.

    Refused are letters of other scripts (Cyrillic and Greek among Latin, kana and radicals among Han), compatibility
    forms of Han characters, digits of other scripts, variation selectors and everything that shows nothing.
    """
    for character in text[:_LARGEST]:
        if not character.isascii() and not _plain(character):
            return f"U+{ord(character):04X}"
    return "too-long" if len(text) > _LARGEST else None


def _plain(character: str) -> bool:
    category = unicodedata.category(character)
    name = unicodedata.name(character, "")
    if character in _LETTERS:
        return True
    if category[0] == "L" or category in ("Nd", "Mn", "Mc", "Me"):
        return name.startswith(_SCRIPTS) or _accented(character)
    return category[0] != "C" and not name.startswith(_PIECES)


def _accented(character: str) -> bool:
    """A Latin letter with its accents, as in the names of foreign shareholders."""
    decomposed = unicodedata.normalize("NFD", character)
    base, marks = decomposed[0], decomposed[1:]
    return base.isascii() and base.isalpha() and all(unicodedata.combining(mark) for mark in marks)
