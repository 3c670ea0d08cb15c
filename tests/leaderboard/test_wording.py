import re
from pathlib import Path

import pytest

from leaderboard.wording import LANGUAGES, wording

LEADERBOARD = Path(__file__).resolve().parents[2] / "leaderboard"
BOTH = [wording(language) for language in LANGUAGES.values()]


def _names(text):
    return set(re.findall(r"{(\w+)}", text))


def test_both_languages_have_the_same_keys_and_fill_in_the_same_names():
    english, french = BOTH
    assert english.keys == french.keys
    differing = [key for key in english.keys if _names(english(key)) != _names(french(key))]
    assert differing == []


@pytest.mark.parametrize("words", BOTH, ids=list(LANGUAGES.values()))
def test_no_text_is_empty(words):
    assert [key for key in words.keys if not words(key).strip()] == []


def test_french_is_not_english():
    english, french = BOTH
    # Names and abbreviations are the same in both.
    same = {key for key in english.keys if english(key) == french(key)}
    assert len(same) < len(english.keys) / 5


def test_every_key_that_the_pages_name_is_there():
    used = set()
    for path in LEADERBOARD.rglob("*.py"):
        used |= set(re.findall(r"words\(\s*\"([\w.]+)\"", path.read_text(encoding="utf-8")))
    assert len(used) > 100
    assert sorted(used - BOTH[0].keys) == []


def test_a_missing_key_is_an_error_and_not_a_raw_key():
    with pytest.raises(KeyError):
        BOTH[0]("column.nothing")
