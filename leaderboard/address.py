"""What the widgets hold stands in the address of the page, so that a filtered view can be sent as a link.

Streamlit can bind a widget to the address by itself (`bind="query-params"`). A link to another page that is clicked
before the browser has mounted a bound widget, which in a closed drawer is late, then leaves the address bare, while
the rows stay filtered. Here the session's own state decides what is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self, TypeVar

import streamlit as st

_MEMORY: Final = "what the address has held"
_WRITTEN: Final = "the address that was written last"
T = TypeVar("T")


@dataclass(frozen=True)
class _Written:
    page: str
    params: dict[str, list[str]]


class Address:
    """The address during one run of the script. As a context, it is written at the end, however the run ends.

    An address that is not the one written last was opened, linked to or gone back to: it decides. What it leaves out is
    the default, or on another page than before what was held there: links between pages need not name every filter.
    """

    def __init__(self) -> None:
        self._params = _params()
        self._before: _Written | None = st.session_state.get(_WRITTEN)
        self._is_new = self._before is None or self._before.params != self._params
        self._page = "" if self._before is None else self._before.page
        self._memory: dict[str, list[str]] = st.session_state.setdefault(_MEMORY, {})
        self._kept: dict[str, list[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ignored: object) -> None:
        wanted = {key: texts for key, texts in {**_params(), **self._kept}.items() if texts}
        if wanted != _params():
            st.query_params.from_dict(wanted)
        st.session_state[_WRITTEN] = _Written(self._page, _params())

    def on(self, page: str) -> None:
        """Name the page, which is known only once the language is."""
        self._page = page

    def prepare(self, key: str, default: T, read: Callable[[list[str]], T | None]) -> None:
        """Lay what the widget `key` shall hold into the session, before the widget is made without a value of its own.

        read: texts of the address to a value; None where they name none.
        """
        state = st.session_state
        texts = self._params.get(key) if self._is_new else None
        is_reset = self._is_new and (self._before is None or self._before.page == self._page)
        if texts is None and not is_reset:
            if key in state and read(_texts(state[key])) == state[key]:
                return
            texts = self._memory.get(key)
        value = read(texts) if texts is not None else None
        state[key] = default if value is None else value

    def keep(self, key: str, value: object, default: object) -> None:
        """Have the address say what the widget holds. The default stays out of it."""
        self._memory[key] = _texts(value)
        self._kept[key] = [] if value == default else _texts(value)


def one_of(options: Sequence[str]) -> Callable[[list[str]], str | None]:
    """Reads a text that is one of the options."""
    return lambda texts: texts[-1] if texts and texts[-1] in options else None


def some_of(options: Sequence[str]) -> Callable[[list[str]], list[str]]:
    """Reads those texts that are options, each once."""
    return lambda texts: [one for one in dict.fromkeys(texts) if one in options]


def _texts(value: object) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, (list, tuple)) else [str(value)]


def _params() -> dict[str, list[str]]:
    return {key: st.query_params.get_all(key) for key in st.query_params}
