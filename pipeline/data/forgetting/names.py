"""Where a text, a path or some bytes name a person."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote

from pipeline.data.recordings.person_names import as_person, folder_name
from pipeline.errors import EdgeboardError

# No name has it; it stands where the longer name of somebody else was.
_MASK = "\0"
_ENCODINGS = ("utf-8", "utf-16-le", "utf-32-le")  # the last is what numpy stores arrays of text in
# Words of every data folder, export and report of a network: by such a name everybody's files would be found.
_LAYOUT = {
    "images", "masks", "sheets", "faces", "train", "val", "test", "strangers", "file", "label", "person", "people",
    "split", "source", "recording", "name", "mask", "width", "height", "sha256", "index", "report", "classes", "counts",
    "files", "skipped", "reason", "min", "max", "median", "task", "jpg", "png", "csv", "json", "unknown", "data", "md5",
    "relpath", "face", "photo", "video", "baseline", "pruned", "distilled", "quantized", "compact", "prune",
    "distill", "quantize", "finder", "gallery", "model", "models", "exports", "onnxruntime", "tensorrt", "templates",
    "threshold", "mean", "variants", "artifact", "class", "weights", "meta", "head", "graphs", "onnx",
}  # fmt: skip


class NameSearch:
    """Finds one person's name as a whole word, in the ways in which files spell it: plain, as a folder, in a URL, …

    others: the people whose names may hold this one; "Anna" is not named where "Anna Maria" is.
    Raises EdgeboardError for a name that is empty, a number or a word of every data folder: all would be found by it.
    """

    def __init__(self, person: str, others: Iterable[str] = ()) -> None:
        self.person = as_person(person)
        is_word = any(letter.isalpha() for letter in self.person) and not re.fullmatch("[A-Za-z]", self.person)
        if not is_word or self.person in _LAYOUT:
            raise EdgeboardError(
                "A person of that name cannot be found by name: other things are called so too",
                value=person,
                allowed="a name with letters that is no word of a data folder's layout, such as 'train'",
                mend="rename the person's folder and draw the data again without it; galleries alone forget any name",
            )
        self._forms = _forms(self.person)
        longer = {form for other in others if as_person(other) != self.person for form in _forms(as_person(other))}
        longer = {form for form in longer - self._forms if any(mine in form for mine in self._forms)}
        self._others = _words(longer) if longer else None
        self._own = _words(self._forms)
        self._own_bytes = _byte_words(self._forms)
        self._other_bytes = _byte_words(longer) if longer else None

    def in_text(self, text: str) -> bool:
        text = unicodedata.normalize("NFC", text)
        if self._others is not None:
            text = self._others.sub(_MASK, text)
        return self._own.search(text) is not None

    def in_bytes(self, data: bytes) -> bool:
        """Also where large files happen to spell a short name: rather one too many than one too few."""
        if self._other_bytes is not None:
            data = self._other_bytes.sub(_MASK.encode(), data)
        return self._own_bytes.search(data) is not None


def _forms(person: str) -> set[str]:
    return {
        person,
        folder_name(person),
        quote(person),
        quote(person, safe=""),
        html.escape(person),
        json.dumps(person)[1:-1],
        json.dumps(person, ensure_ascii=False)[1:-1],
        person.replace('"', '""'),
    }


def _words(forms: set[str]) -> re.Pattern[str]:
    """A letter or digit before or after would make it another name; "_" would not: `Anna_01.jpg` is Anna's."""
    return re.compile(rf"(?<![^\W_])(?:{_either(re.escape(form) for form in forms)})(?![^\W_])")


def _byte_words(forms: set[str]) -> re.Pattern[bytes]:
    """Not as whole words: arrays of text have their entries side by side, with nothing between those of full length."""
    spelt = {unicodedata.normalize(how, form) for form in forms for how in ("NFC", "NFD")}
    encoded = sorted((form.encode(encoding) for form in spelt for encoding in _ENCODINGS), key=len, reverse=True)
    return re.compile(b"|".join(map(re.escape, encoded)))


def _either(patterns: Iterable[str]) -> str:
    return "|".join(sorted(patterns, key=lambda pattern: (-len(pattern), pattern)))
