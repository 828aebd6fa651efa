"""The settings: one table, read once, all problems told in one go and none of their values."""

from __future__ import annotations

import dataclasses

import pytest

from schema.errors import SetUp
from spil.settings import KNOBS, Settings, markdown_table, read, require

KEY = "00112233445566778899aabbccddeeff" * 2


def test_every_knob_has_a_field_and_every_field_a_knob() -> None:
    assert sorted(knob.field for knob in KNOBS) == sorted(field.name for field in dataclasses.fields(Settings))
    assert len({knob.name for knob in KNOBS}) == len(KNOBS)


def test_an_empty_environment_gives_the_numbers_of_the_issue() -> None:
    settings = read({})
    assert (settings.host, settings.port, settings.pool_size) == ("127.0.0.1", 8000, 8)
    assert (settings.max_body_bytes, settings.max_tokens, settings.max_depth) == (65_536, 2_000, 12)
    assert (settings.max_introspection_depth, settings.max_aliases, settings.max_selections) == (20, 30, 200)
    assert (settings.max_cost, settings.deadline, settings.max_answer_bytes) == (20_000, 5, 8 * 1024 * 1024)
    assert (settings.rate, settings.burst, settings.max_page, settings.reads_log_timeout) == (200, 400, 100, 2)
    assert settings.cors == {}
    assert settings.gateway_url is None


def test_values_are_read_into_their_types() -> None:
    settings = read({"SPIL_CURSOR_KEY": KEY, "SPIL_CORS": '{"portal-a": ["https://portal.example"]}', "PORT": "8001"})
    assert settings.cursor_key == bytes.fromhex(KEY)
    assert settings.cors == {"portal-a": ("https://portal.example",)}
    assert settings.port == 8001


def test_all_problems_are_told_in_one_go_without_their_values() -> None:
    wrong = {
        "PORT": "0",
        "SPIL_DATABASE_URL": "mysql://sesame",
        "SPIL_CURSOR_KEY": "sesame",
        "SPIL_DEADLINE": "nan",
        "SPIL_CORS": '{"a": ["https://sesame/path"]}',
        "SPIL_MAX_DEPHT": "sesame",
    }
    with pytest.raises(SetUp) as caught:
        read(wrong)
    lines = caught.value.message.splitlines()
    assert sorted(line.split()[0] for line in lines) == sorted(wrong)
    assert "sesame" not in caught.value.message


@pytest.mark.parametrize("text", ["-1", "1_000", "٣", "1e3", "9" * 5000, "8000.0"])
def test_a_number_is_written_in_digits(text: str) -> None:
    with pytest.raises(SetUp):
        read({"SPIL_POOL_SIZE": text})


def test_the_token_of_a_command_is_no_unknown_setting() -> None:
    assert read({"SPIL_TOKEN": "x.y.z"}) == read({})


def test_secrets_are_not_shown_by_repr() -> None:
    settings = read({"SPIL_CURSOR_KEY": KEY, "SPIL_GATEWAY_URL": "postgresql://login:sesame@db/spil"})
    assert "sesame" not in repr(settings)
    assert str(bytes.fromhex(KEY)) not in repr(settings)


def test_what_a_command_needs_is_named_in_one_go() -> None:
    with pytest.raises(SetUp) as caught:
        require(read({}), "gateway_url", "worker_url", "port")
    assert [line.split()[0] for line in caught.value.message.splitlines()] == ["SPIL_GATEWAY_URL", "SPIL_WORKER_URL"]


def test_no_setting_speaks_of_the_demos_issuer() -> None:
    assert not [knob.name for knob in KNOBS if "ISSUER" in knob.name or "DEV" in knob.name]


def test_the_printed_table_has_a_row_per_knob() -> None:
    table = markdown_table()
    assert all(f"| `{knob.name}` |" in table for knob in KNOBS)
    assert all(knob.help.endswith(".") for knob in KNOBS)
