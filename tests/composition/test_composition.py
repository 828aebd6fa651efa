"""Every contract composes with a municipality's own subgraph, in both composers, and a supergraph shows no more."""

from __future__ import annotations

from typing import Any

import pytest

from auth.viewer import Role
from registry.embedded_home import CHECKOUT
from schema.full import build_schema
from schema.print import graphql_core
from spil.contract_files import FOLDER as CONTRACTS
from spil.contract_files import file_name
from tests.composition.node_kit import COMPOSERS, compose
from tests.composition.shown import fields, fields_of

Composed = dict[str, dict[str, dict[str, Any]]]
OF_THE_TOWN = {"Municipality.ownPage", "Student.localCase", "Query.gemeente", "Query.zaken"}


@pytest.mark.parametrize("role", Role)
def test_a_role_is_told_the_contract_that_is_committed(served: dict[Role, str], role: Role) -> None:
    assert served[role] == (CHECKOUT / CONTRACTS / file_name(role.value)).read_text(encoding="utf-8")


@pytest.mark.parametrize("composer", COMPOSERS)
@pytest.mark.parametrize("role", Role)
def test_a_contract_composes_without_an_error_or_a_hint(composed: Composed, role: Role, composer: str) -> None:
    made = composed[role.value][composer]
    assert (made["errors"], made["hints"]) == ([], [])
    assert made["supergraph"]


@pytest.mark.parametrize("composer", COMPOSERS)
@pytest.mark.parametrize("role", Role)
def test_a_supergraph_shows_what_its_parts_show_and_no_more(
    composed: Composed, served: dict[Role, str], town_sdl: str, role: Role, composer: str
) -> None:
    shown = fields_of(composed[role.value][composer]["api"])
    assert shown == fields_of(served[role]) | fields_of(town_sdl)
    hidden = fields(graphql_core(build_schema())) - fields_of(served[role])
    assert len(hidden) > 20
    assert shown & hidden <= fields_of(town_sdl)


@pytest.mark.parametrize("composer", COMPOSERS)
def test_composed_as_a_school_it_lacks_what_a_school_lacks(composed: Composed, composer: str) -> None:
    shown = fields_of(composed["SCHOOL"][composer]["api"])
    of_others = {"Query.candidates", "Candidate.id", "MunicipalSupport.plan", "Mutation.acceptHandover"}
    assert shown & of_others == set()
    assert {"Query.findStudents", "Student.reference", *OF_THE_TOWN} <= shown
    as_town = fields_of(composed["MUNICIPALITY"][composer]["api"])
    assert {"MunicipalSupport.plan", "Mutation.acceptHandover"} <= as_town
    assert {"Query.findStudents", "Student.reference"} & as_town == set()


def test_a_subgraph_that_says_otherwise_is_told_so(node: None, served: dict[Role, str], town_sdl: str) -> None:
    """The silence above means something."""
    spil = {"name": "spil", "url": "http://127.0.0.1/a", "sdl": served[Role.MUNICIPALITY]}
    others = {
        "another key": town_sdl.replace("code: MunicipalityCode!", "code: Int!"),
        "a field of Spil's": town_sdl.replace("ownPage:", "name: String!\n  ownPage:"),
        "another description": town_sdl.replace("scalar Date", '"""Otherwise"""\nscalar Date'),
    }
    made = compose(
        {name: [spil, {"name": "gemeente", "url": "http://127.0.0.1/b", "sdl": sdl}] for name, sdl in others.items()}
    )
    for composer in COMPOSERS:
        assert made["another key"][composer]["errors"]
        assert made["a field of Spil's"][composer]["errors"]
    assert made["another description"]["apollo"]["hints"]
