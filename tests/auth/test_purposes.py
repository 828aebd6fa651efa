"""The register of purposes: the same closed list as the database's, of functions that exist."""

from __future__ import annotations

import re

from auth.purposes import PURPOSES
from auth.viewer import PARTIES
from registry.embedded_home import CHECKOUT


def test_the_register_and_the_database_have_the_same_purposes() -> None:
    sql = (CHECKOUT / "registry/migrations/0003_people.sql").read_text(encoding="utf-8")
    access = sql[sql.index("CREATE TABLE access (") :]
    listed = re.search(r"purpose IN \(([^)]*)\)", access)
    assert listed is not None
    assert re.findall(r"'([A-Z_]+)'", listed[1]) == [purpose.name for purpose in PURPOSES]


def test_every_purpose_has_a_ground_an_end_and_functions_that_exist() -> None:
    functions = {name for kind in PARTIES.values() for name in kind.functions}
    for purpose in PURPOSES:
        assert purpose.ground
        assert purpose.ends
        assert purpose.functions
        assert set(purpose.functions) <= functions


def test_the_tiers_are_those_of_the_access_table() -> None:
    tiers = {purpose.tier.rpartition(" ")[2] for purpose in PURPOSES}
    assert tiers <= {"TRACE", "CANDIDATE", "GIVEN_NAME", "IDENTIFIED"}
