from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.recordings.person_names import as_person, folder_name, person_name
from pipeline.errors import EdgeboardError

CASES = {
    "Anna": "Anna",
    "Anne-Marie": "Anne-Marie",
    "two words": "two_words",
    "two_words": "two%5Fwords",
    " Anna": "_Anna",
    "O'Hara": "O%27Hara",
    'the "boss"': "the_%22boss%22",
    "Иван Петров": "Иван_Петров",
    "李小龙": "李小龙",
    "พรรณทิพา": "พรรณทิพา",
    "Zoë": "Zoë",
    "Zoe\u0308": "Zoë",
    "..": "%2E%2E",
    "../../etc/passwd": "%2E%2E%2F%2E%2E%2Fetc%2Fpasswd",
    "/root": "%2Froot",
    "a\\b": "a%5Cb",
    ".hidden": "%2Ehidden",
    "100%": "100%25",
    "a%2Fb": "a%252Fb",
    "tab\tand\nline": "tab%09and%0Aline",
    "nul\0": "nul%00",
    "\u202egnp.exe": "%E2%80%AEgnp%2Eexe",
    "CON:": "CON%3A",
}


@pytest.mark.parametrize(("person", "folder"), CASES.items(), ids=[ascii(person) for person in CASES])
def test_a_name_becomes_a_folder_and_back(person: str, folder: str) -> None:
    assert folder_name(person) == folder
    assert person_name(folder) == as_person(person)


@given(st.text(min_size=1, max_size=20).filter(lambda text: text.strip()))
def test_every_name_comes_back_and_stays_inside(person: str) -> None:
    folder = folder_name(person)
    assert person_name(folder) == as_person(person)
    inside = Path("/people") / folder
    assert Path(os.path.normpath(inside)) == inside
    assert inside.parent == Path("/people")


@given(st.text("aA_ %2F./é\u0301e-", min_size=1, max_size=6), st.text("aA_ %2F./é\u0301e-", min_size=1, max_size=6))
def test_two_names_never_share_a_folder(one: str, other: str) -> None:
    if one.strip() and other.strip():
        assert (folder_name(one) == folder_name(other)) == (as_person(one) == as_person(other))


@pytest.mark.parametrize("name", ["", " ", "\n\t", "\udcff", "x" * 256, "." * 86])
def test_a_name_that_cannot_be_used_is_refused(name: str) -> None:
    with pytest.raises(EdgeboardError, match="name of a person"):
        folder_name(name)


@pytest.mark.parametrize("folder", ["..", "a.b", "a b", "%2e", "%zz", "%", "%FF", "%41", "", "Zoe\u0308", "x\udcff"])
def test_a_folder_that_is_not_named_by_us_is_refused(folder: str) -> None:
    with pytest.raises(EdgeboardError, match="not named after a person"):
        person_name(folder)
