"""The rows of a seed on their way into Postgres: lines of COPY text per table, written batch by batch.

Laws
1. A value holds no tab, newline or backslash: the words of `seed.toml` and codes only, so nothing needs escaping.
2. Lines go through a temporary table: COPY refuses a table with row-level security when the owner is no superuser.
3. TABLES is in the order of the foreign keys; what stands already (reference data) stays.
"""

from __future__ import annotations

import io
from collections import defaultdict

import asyncpg

TABLES = {
    "doorstroompunt_region": "code, name",
    "school_board": "number, name, fictitious",
    "school": "brin, name, kind, board, municipality, region, doorstroompunt, street, postcode, place, phone,"
    " website, students, fictitious, source, digest, seen_on",
    "service_point": "code, kind, name, region, valid_from",
    "contact_point": "id, owner_kind, owner, topic, name, desk, phone, mail, hours, absent_until, deputy,"
    " partner_only, verified",
    "party": "key, kind, name, from_at",
    "covers": "party, function, municipality, region, school, from_at",
    "party_agreement": "party, kind, version, signed_at, until_at",
    "client_party": "client, party, function, purposes, from_at",
    "employer": "kvk, name, sbi, municipality, recognised_until, fictitious",
    "employer_location": "employer, municipality",
    "opportunity": "id, kind, conditions, title, description, employer, municipality, region, service_point,"
    " sector, hours_min, hours_max, support_offered, open_to_pro_vso, public, places, closes_on,"
    " source, seen_on",
    "student": "id, school, municipality, source",
    "student_profile": "student, destination_aim, school_year, leaves_on, left_on, age_band, sectors, hours,"
    " travel_limit, support_wanted, work_processes, harvested_at",
    "consent": "id, student, kind, purpose, seer, given_by, text_version, at, until_at, withdrawn_at, withdrawn_by",
    "placement": "student, n, kind, employer, opportunity, hours, from_on, to_on, leads_to, state",
    "credential": "student, n, kind, level, title, work_processes, issued_on",
    "link": "student, source, key, from_at, until_at",
    "lead": "student, seer, from_at, until_at",
    "access": "id, seer, student, tier, purpose, case_type, case_n, consent, granted_by, started_at, ends_at, ended_at",
}
Batch = defaultdict[str, list[str]]


def new_batch() -> Batch:
    return defaultdict(list)


def line(*values: object) -> str:
    """One row of COPY text; None is NULL."""
    return "\t".join(["\\N" if value is None else str(value) for value in values])


async def prepare(connection: asyncpg.Connection) -> None:
    """A temporary table for each table of a seed."""
    for table, columns in TABLES.items():
        await connection.execute(
            f"CREATE TEMP TABLE seed_{table} ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA"  # noqa: S608 - our own names
        )


async def write(connection: asyncpg.Connection, batch: Batch) -> dict[str, int]:
    """Writes a batch and empties it; gives the number of lines per table."""
    written = {}
    for table, columns in TABLES.items():
        lines = batch.pop(table, None)
        if not lines:
            continue
        source = io.BytesIO("\n".join((*lines, "")).encode())
        await connection.copy_to_table(f"seed_{table}", source=source, columns=columns.split(", "), format="text")
        await connection.execute(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM seed_{table} ON CONFLICT DO NOTHING;"  # noqa: S608
            f"TRUNCATE seed_{table}"
        )
        written[table] = len(lines)
    return written
