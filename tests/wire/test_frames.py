"""One question or answer as one JSON text: what goes in comes out, and nothing else is taken."""

from __future__ import annotations

import pytest

from schema.errors import SetUp, SourceMalformed
from wire import frames
from wire.dialled import dialling, poster
from wire.messages import Answer, Ask


def test_a_question_comes_out_as_it_went_in() -> None:
    ask = Ask("GET", "/students", (("limit", "9"), ("cursor", "a&b=c/é")), {"Accept": "application/json"})
    number, told = frames.read_question(frames.question(7, ask, ("x-deadline", "40")))
    assert (number, told.method, told.path) == (7, "GET", "/students?limit=9&cursor=a%26b%3Dc%2F%C3%A9")
    assert told.headers == {"accept": "application/json", "x-deadline": "40"}


def test_an_answer_comes_out_as_it_went_in() -> None:
    given = Answer(410, {"content-type": "application/problem+json"}, '{"title": "é\u2028"}'.encode())
    assert frames.read_answer(frames.answer(3, given)) == (3, given)
    assert frames.read_answer(frames.CHANGED) is None


def test_an_answer_that_is_no_text_has_no_frame() -> None:
    with pytest.raises(SourceMalformed):
        frames.answer(1, Answer(200, {}, b"\xff"))


@pytest.mark.parametrize(
    "text",
    [
        "[]", "", "{}", '{"id":1,"method":"DELETE","path":"/","headers":{},"body":""}',
        '{"id":1,"method":"GET","path":"x","headers":{},"body":""}',
        '{"id":true,"method":"GET","path":"/","headers":{},"body":""}',
        '{"id":1,"method":"GET","path":"/","headers":{},"body":"","more":1}',
        '{"id":1,"method":"GET","path":"/","headers":{"a":[]},"body":""}',
        '{"id":1,"method":"GET","path":"/","headers":{},"body":null}',
    ],
)  # fmt: skip
def test_a_question_that_was_not_agreed_is_malformed_without_its_words(text: str) -> None:
    with pytest.raises(SourceMalformed) as caught:
        frames.read_question(text)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("address", "dialled"),
    [
        ("https://hub.example/agent/a", "wss://hub.example/agent/a"),
        ("wss://hub.example/agent/a", "wss://hub.example/agent/a"),
        ("http://127.0.0.1:8000/agent/a", "ws://127.0.0.1:8000/agent/a"),
        ("http://[::1]:8000/agent/a", "ws://[::1]:8000/agent/a"),
    ],
)
def test_an_address_is_dialled_with_tls_but_for_this_machine(address: str, dialled: str) -> None:
    assert dialling(address) == dialled


@pytest.mark.parametrize(
    "address",
    ["http://hub.example/agent/a", "ws://10.0.0.1/a", "https://me:sesame@hub.example/", "ftp://hub.example",
     "https://hub.example/a?token=sesame", "hub.example", "", "https://hub.example:x/", "http://127.0.0.1.example/a"],
)  # fmt: skip
def test_an_address_that_is_not_safe_is_refused_without_its_words(address: str) -> None:
    with pytest.raises(SetUp) as caught:
        dialling(address)
    assert "sesame" not in caught.value.message


def test_a_token_is_not_fetched_in_the_clear() -> None:
    with pytest.raises(SetUp):
        poster("http://login.school.example/token")
    poster("https://login.school.example/token")
    poster("http://127.0.0.1:9000/token")
