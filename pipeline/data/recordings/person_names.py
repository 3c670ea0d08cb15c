"""Names of people as names of folders and files: safe, unique and reversible."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote_to_bytes

from pipeline.errors import EdgeboardError

_LONGEST = 255  # bytes that a file system allows for one name
_WHERE = "the name of a person"


def folder_name(person: str) -> str:
    """The name of the folder in which files about `person` are written.

    Letters, marks and digits of every script and "-" stay, so that people can read it; a space becomes "_"; all else
    (separators, dots, quotes, control characters, "_" itself) becomes %XX per UTF-8 byte. So no two names give the
    same folder, and none leaves the folder it is written into. `person_name` is the way back.
    Raises EdgeboardError where the name is empty, is not valid Unicode or gets too long.

    >>> folder_name("Anne-Marie O'Hara"), folder_name("../Иван")
    ('Anne-Marie_O%27Hara', '%2E%2E%2FИван')
    """
    person = as_person(person)
    name = "".join(_safe(character) for character in person)
    if len(name.encode()) > _LONGEST:
        raise EdgeboardError(
            "The name of a person is too long for a folder",
            where=_WHERE,
            value=person,
            allowed=f"{_LONGEST} bytes; signs and spaces other than letters count up to 12",
            mend="shorten the name",
        )
    return name


def person_name(folder: str) -> str:
    """The person whose `folder_name` is `folder`. Raises EdgeboardError where no person has it."""
    try:
        person = unquote_to_bytes(folder.replace("_", " ")).decode()
        if folder_name(person) == folder:
            return person
    except (UnicodeError, EdgeboardError):
        pass
    raise EdgeboardError(
        "A folder is not named after a person as Edgeboard does it", where=_WHERE, value=folder.encode(errors="replace")
    )


def as_person(name: str) -> str:
    """`name` in the one spelling (Unicode NFC) that is compared: é typed on two systems is the same letter."""
    try:
        name.encode()
    except UnicodeEncodeError:
        shown = name.encode("utf-8", "replace").decode()
        raise EdgeboardError(
            "The name of a person is not valid UTF-8", where=_WHERE, value=shown, mend="rename the folder"
        ) from None
    person = unicodedata.normalize("NFC", name)
    if not re.search(r"\S", person):
        raise EdgeboardError("The name of a person is empty", where=_WHERE, value=repr(name), mend="give it a name")
    return person


def _safe(character: str) -> str:
    if character == " ":
        return "_"
    if character == "-" or unicodedata.category(character)[0] in "LMN":
        return character
    return "".join(f"%{byte:02X}" for byte in character.encode())
