"""What the console says: one table a language area, Chinese and English side by side, in `words/*.toml`.

A word that is missing in a language is a fault of the console, found by its tests, never shown to anybody.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
_FOLDER = Path(__file__).parent / "words"


@cache
def all_words() -> dict[str, dict[str, str]]:
    """Every word by its name, `area.word`: {"zh": …, "en": …}. Raises ValueError on a name that stands twice."""
    found: dict[str, dict[str, str]] = {}
    for file in sorted(_FOLDER.glob("*.toml")):
        for area, entries in tomllib.loads(file.read_text(encoding="utf-8")).items():
            for word, texts in entries.items():
                name = f"{area}.{word}"
                if name in found or set(texts) != set(LANGUAGES):
                    raise ValueError(f"{file.name}: {name} stands twice, or not in both languages")
                found[name] = texts
    return found


def say(name: str, language: Language, /, **values: object) -> str:
    """The word `name` in this language, with `{value}` places filled. Raises KeyError on an unknown name."""
    text = all_words()[name][language]
    return text.format(**values) if values else text


def said_of(area: str, code: object, language: Language) -> str:
    """The word for a code of the API, say `status.verified`; a code that has no word is shown as it is."""
    texts = all_words().get(f"{area}.{code}")
    return texts[language] if texts else str(code)
