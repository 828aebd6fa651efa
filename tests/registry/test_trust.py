"""The trust rows as Postgres holds them."""

from __future__ import annotations

import math
import time
from urllib.parse import urlsplit

import asyncpg
import pytest

from registry.migrate import LOGINS, Logins
from registry.trust import load_trust, trust_stamp

FILL = """
INSERT INTO party (key, kind, name) VALUES ('municipality:GM0796', 'municipality', 'Gemeente "Proef" \\ ''s-Ü');
INSERT INTO issuer (issuer, audience, algorithms, claim_names, machine, until_at)
    VALUES ('https://login.example', 'spil', '{ES256,PS256}', '{"party": "org"}', true, 'infinity'),
           ('https://old.example', 'spil', '{ES256}', '{}', false, '2026-02-03T04:05:06.5Z');
INSERT INTO issuer_party (issuer, party_pattern) VALUES ('https://login.example', 'municipality:*');
INSERT INTO client_party (client, party, function, purposes)
    VALUES ('portal', 'municipality:GM0796', 'participatie', '{CONTINUE_SUPPORT}'),
           ('portal', 'municipality:GM0796', 'wmo', '{}');
INSERT INTO party_agreement (party, kind, version, signed_at)
    VALUES ('municipality:GM0796', 'COVENANT', '1.0', '2026-01-01T00:00:00Z');
"""

WRITES = [
    "UPDATE client_party SET until_at = now() WHERE function = 'wmo'",
    "DELETE FROM client_party WHERE function = 'wmo'",
    "INSERT INTO issuer_party (issuer, party_pattern) VALUES ('https://login.example', 'uwv')",
    "UPDATE issuer SET machine = false WHERE machine",
    "UPDATE party SET name = name",
    "DELETE FROM party_agreement",
]


async def test_the_rows_are_read_as_they_stand_and_every_write_changes_the_stamp(
    fresh_database: str, fresh_logins: Logins
) -> None:
    owner = await asyncpg.connect(fresh_database)
    worker = await asyncpg.connect(fresh_logins.worker)
    try:
        empty = await load_trust(worker)
        assert (empty.issuers, empty.agreements) == ((), ())
        await owner.execute(FILL)
        rows = await load_trust(worker)
        login, old = sorted(rows.issuers, key=lambda row: row.issuer)
        assert login.algorithms == frozenset({"ES256", "PS256"})
        assert (login.audience, dict(login.claim_names), login.machine) == ("spil", {"party": "org"}, True)
        assert login.from_at == pytest.approx(time.time(), abs=60)
        assert (login.until_at, old.until_at) == (math.inf, 1770091506.5)
        assert rows.parties[0].name == 'Gemeente "Proef" \\ \'s-Ü'
        assert [row.party_pattern for row in rows.issuer_parties] == ["municipality:*"]
        assert {row.function: row.purposes for row in rows.client_parties} == {
            "participatie": frozenset({"CONTINUE_SUPPORT"}),
            "wmo": frozenset(),
        }
        assert (rows.agreements[0].kind, rows.agreements[0].signed_at) == ("COVENANT", 1767225600.0)
        stamps = [await trust_stamp(worker), await trust_stamp(worker)]
        assert stamps[0] == stamps[1]
        for write in WRITES:
            await owner.execute(write)
            stamps.append(await trust_stamp(worker))
        assert len(set(stamps)) == 1 + len(WRITES)
    finally:
        await worker.close()
        await owner.close()


async def test_no_role_of_the_graph_sees_whom_the_hub_trusts(fresh_database: str, fresh_logins: Logins) -> None:
    database = urlsplit(fresh_database).path[1:]
    connection = await asyncpg.connect(fresh_logins.gateway)
    try:
        for role in LOGINS["gateway"]:
            await connection.execute(f'SET ROLE "{database}_{role}"')
            for table in ("issuer", "issuer_party", "client_party", "party_agreement"):
                with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedTableError)):
                    await connection.fetch(f"SELECT * FROM {table}")
    finally:
        await connection.close()
