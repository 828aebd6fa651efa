"""Rows that a plausible country lacks: traces, foreign cases, texts that need escapes, nothing where nothing may be.

Written by the owner after the seed. Aliases and salts are made from their pair, so that a run can be repeated.
"""

from __future__ import annotations

import asyncpg

TEXTS = (
    """UPDATE school SET name = E'De "Wissel"\\\\n\\n\\t</script> \\u00e9\\u4e16\\U0001F600'
       WHERE brin = (SELECT max(brin) FROM school)""",
    """UPDATE school SET name = (SELECT min(name) FROM school)
       WHERE brin IN (SELECT brin FROM school ORDER BY brin LIMIT 4)""",
    "UPDATE school SET board = NULL, doorstroompunt = NULL WHERE brin = (SELECT min(brin) FROM school)",
    """UPDATE opportunity SET description = E'\\u0001 " \\\\ / \\u2028 {x} $1 %s ''' || title, employer = NULL
       WHERE id IN (SELECT id FROM opportunity ORDER BY id LIMIT 40)""",
    "UPDATE opportunity SET closes_on = NULL WHERE id::text LIKE '%3' OR id::text LIKE '%c'",
    "UPDATE opportunity SET public = false WHERE id::text LIKE '%5' OR id::text LIKE '%a'",
    "INSERT INTO party (key, kind, name) VALUES ('sbb', 'sbb', 'Landelijk loket erkenningen') ON CONFLICT DO NOTHING",
    "UPDATE opportunity SET service_point = 'sbb' WHERE id::text LIKE '%e1'",
    "UPDATE region SET aliases = ARRAY['Oud \"West\"', E'a\\\\b'], valid_to = 2030 WHERE code = 'AM10'",
    "UPDATE service_point SET valid_to = current_date - 1 WHERE code = (SELECT max(code) FROM service_point)",
)
PEOPLE = (
    "UPDATE sight SET alias = md5(seer || student)::uuid, id_salt = md5('salt' || seer || student)::uuid",
    "DELETE FROM student_profile WHERE student IN (SELECT id FROM student ORDER BY id LIMIT 12)",
    "UPDATE student_profile SET leaves_on = NULL, sectors = '{}' WHERE student::text LIKE '%7'",
    # What ends within the next quarter of an hour would end while the test runs.
    """UPDATE access SET ends_at = now() + interval '1 day'
       WHERE ends_at BETWEEN now() AND now() + interval '15 minutes' AND ended_at = 'infinity'""",
)
TRACE = """
INSERT INTO access (seer, student, tier, purpose, case_type, case_n, ends_at, ended_at)
SELECT $1, p.student, 'TRACE', 'PLACED_FROM', $2, p.n, now() + $3::int * interval '1 day',
       CASE WHEN $4 THEN now() ELSE 'infinity' END
FROM (SELECT student, n FROM {table} ORDER BY md5(student::text || n || $1 || $2)) p
WHERE NOT EXISTS (SELECT FROM sight s WHERE s.seer = $1 AND s.student = p.student) LIMIT $5
"""
TRACE_OF_OWN = """
INSERT INTO access (seer, student, tier, purpose, case_type, case_n, ends_at)
SELECT $1, p.student, 'TRACE', 'PLACED_FROM', 'PLACEMENT', p.n, now() + interval '90 days'
FROM placement p LEFT JOIN opportunity o ON o.id = p.opportunity
WHERE (o.service_point = split_part($1, '#', 1) OR p.employer = split_part(split_part($1, '#', 1), ':', 2))
  AND NOT EXISTS (SELECT FROM sight s WHERE s.seer = $1 AND s.student = p.student AND s.until_candidate > now())
ORDER BY p.student LIMIT 12
"""


async def roughen(url: str, seers: list[str]) -> None:
    """Makes a seeded database awkward for these seers."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            for statement in TEXTS:
                await connection.execute(statement)
            for seer in seers:
                await connection.execute(TRACE_OF_OWN, seer)
                for table, case in (("placement", "PLACEMENT"), ("credential", "CREDENTIAL")):
                    trace = TRACE.format(table=table)
                    await connection.execute(trace, seer, case, 90, False, 6)
                    await connection.execute(trace, seer, case, -1, False, 3)
                    await connection.execute(trace, seer, case, 90, True, 3)
            for statement in PEOPLE:
                await connection.execute(statement)
    finally:
        await connection.close()
