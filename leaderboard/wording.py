"""The words of the pages, one file per language, looked up by key."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

TEXTS = Path(__file__).with_name("texts")
LANGUAGES = {"English": "en", "Français": "fr"}


class Wording:
    """The texts of one language. `wording("table.rank")` gives one, with its {names} filled in."""

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language = language
        self._texts = dict(texts)

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key. Raises KeyError for a key or a value that is missing: a defect, not bad input."""
        text = self._texts[key]
        return text.format(**values) if values else text

    def has(self, key: str) -> bool:
        return key in self._texts

    @property
    def keys(self) -> set[str]:
        return set(self._texts)


@functools.cache
def wording(language: str) -> Wording:
    """The wording of `en` or `fr`, read once per process."""
    tree = yaml.load((TEXTS / f"{language}.yaml").read_text(encoding="utf-8"), Loader=_LOADER)
    return Wording(language, dict(_flattened(tree)))


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _flattened(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value).rstrip("\n")
