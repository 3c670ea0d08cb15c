"""What widgets hold, the session and the address: who wins when."""

import pytest
from streamlit.testing.v1 import AppTest


def _script():
    import streamlit as st

    from leaderboard.address import Address, one_of, some_of

    with Address() as address:
        address.on(st.session_state.get("page", "first"))
        address.prepare("task", "fire", one_of(["fire", "face"]))
        task = st.selectbox("task", ["fire", "face"], key="task")
        address.keep("task", task, "fire")
        options = ["a", "b"] if task == "fire" else ["b", "c"]
        nothing: list[str] = []
        address.prepare("variant", nothing, some_of(options))
        address.keep("variant", st.multiselect("variant", options, key="variant"), nothing)


def _open(**query):
    at = AppTest.from_function(_script, default_timeout=30)
    at.query_params.update(query)
    return at.run()


def _held(at):
    assert not at.exception
    # AppTest gives one value bare and several as a list.
    params = {key: one if isinstance(one, list) else [one] for key, one in at.query_params.items()}
    return at.selectbox[0].value, at.multiselect[0].value, params


def _arrive(at, page, **query):
    at.session_state["page"] = page
    at.query_params.clear()
    at.query_params.update(query)
    return at.run()


@pytest.mark.parametrize(
    ("query", "task", "variants"),
    [
        ({}, "fire", []),
        ({"task": "face", "variant": ["c", "b"]}, "face", ["c", "b"]),
        ({"task": "nonsense", "variant": ["b", "b", "gone"]}, "fire", ["b"]),
        ({"variant": ""}, "fire", []),
    ],
)
def test_an_opened_address_decides(query, task, variants):
    assert _held(_open(**query))[:2] == (task, variants)


def test_what_a_widget_holds_is_written_and_the_default_is_not():
    at = _open()
    at.multiselect[0].select("a").run()
    assert _held(at) == ("fire", ["a"], {"variant": ["a"]})
    at.multiselect[0].unselect("a").run()
    assert _held(at)[2] == {}


def test_a_bare_link_to_another_page_keeps_the_filters_and_writes_them_again():
    at = _open(variant=["a", "b"])
    assert _held(_arrive(at, "second")) == ("fire", ["a", "b"], {"variant": ["a", "b"]})


def test_a_link_to_another_page_decides_what_it_names():
    at = _open(variant=["a", "b"])
    assert _held(_arrive(at, "second", task="face"))[:2] == ("face", ["b"])


def test_going_back_on_one_page_takes_a_filter_back():
    at = _open()
    at.multiselect[0].select("a").run()
    assert _held(_arrive(at, "first"))[:2] == ("fire", [])


def test_options_that_are_gone_are_no_longer_held():
    at = _open(variant=["a", "b"])
    at.selectbox[0].select("face").run()
    assert _held(at) == ("face", ["b"], {"task": ["face"], "variant": ["b"]})
