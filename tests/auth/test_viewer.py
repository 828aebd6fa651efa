"""Parties, functions and the seer."""

from __future__ import annotations

import dataclasses

import pytest

from auth.viewer import AGREEMENT_OF, PARTIES, AgreementKind, Role, Viewer, party_kind, public_viewer
from tests.auth.tokens_kit import PARTY_OF


@pytest.mark.parametrize(("prefix", "party"), PARTY_OF.items())
def test_each_kind_of_party_is_known_by_its_key(prefix: str, party: str) -> None:
    assert party_kind(party) is PARTIES[prefix]


def test_the_table_of_parties_has_an_example_for_each_row() -> None:
    assert PARTY_OF.keys() == PARTIES.keys()


@pytest.mark.parametrize(
    "party",
    [
        "",
        "school",
        "school:",
        "school:18BR0",
        "school:18BR000",
        "school:18br00",
        "school:18BR00\n",
        " school:18BR00",
        "school:\u0661\u066818BR00",
        "school:1\u0668BR00",
        "School:18BR00",
        "school:18BR00#guidance",
        "school:18BR00' OR '1'='1",
        "municipality:GM0796\x00",
        "municipality:GM796",
        "municipality:0796",
        "service:",
        "service:-a",
        "service:a--b",
        "service:" + "a" * 41,
        "service:ab\n",
        "employer:1234567",
        "employer:123456789",
        "coordinator:AM271",
        "national:x",
        "national ",
        "uwv:1",
        "board:4",
        "nobody:1",
    ],
)
def test_a_key_of_another_form_is_no_party(party: str) -> None:
    assert party_kind(party) is None


def test_a_function_belongs_to_its_kind_of_party() -> None:
    assert PARTIES["sbb"].functions == {"recognition"}
    assert PARTIES["municipality"].functions == {"participatie", "doorstroompunt", "wmo"}
    assert all(kind.implied is None or kind.functions == {kind.implied} for kind in PARTIES.values())


def test_covenant_and_terms_follow_the_role() -> None:
    assert AGREEMENT_OF.keys() == set(Role)
    assert {role for role, kind in AGREEMENT_OF.items() if kind is AgreementKind.COVENANT} == {
        Role.SCHOOL,
        Role.SERVICE_POINT,
        Role.MUNICIPALITY,
    }
    assert AGREEMENT_OF[Role.EMPLOYER] is AgreementKind.TERMS


def test_a_seer_is_party_and_function() -> None:
    viewer = Viewer(Role.MUNICIPALITY, "municipality:GM0796", "participatie")
    assert viewer.seer == "municipality:GM0796#participatie"


def test_public_sees_as_nobody_even_with_a_party() -> None:
    assert public_viewer().seer == ""
    assert Viewer(Role.PUBLIC, "municipality:GM0796", "participatie").seer == ""


def test_a_viewer_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        public_viewer().role = Role.NATIONAL  # type: ignore[misc]  # the point of the test
