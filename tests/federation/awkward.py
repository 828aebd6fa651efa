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
SOURCES = (
    """INSERT INTO source (key, party, kind, protocol, harvests, answers_live, state)
       SELECT 'bron-' || row_number() OVER (ORDER BY key), key, split_part(key, ':', 1), 'declared', true, false,
              CASE WHEN key LIKE '%7%' THEN 'PAUSED' ELSE 'ACTIVE' END
       FROM party WHERE kind IN ('school', 'servicepoint', 'municipality')""",
    """INSERT INTO source (key, party, kind, protocol, harvests, answers_live)
       SELECT 'dienst-' || row_number() OVER (ORDER BY key), key, 'municipality', 'ggm-rest', true, true
       FROM party WHERE kind IN ('service', 'doorstroompunt')""",
    """INSERT INTO source_run (source, started_at, ended_at, state, code, pages, added, ended, rejected)
       SELECT s.key, now() - n * interval '1 hour', CASE WHEN n > 1 THEN now() - n * interval '59 minutes' END,
              CASE n WHEN 1 THEN 'RUNNING' WHEN 2 THEN 'FAILED' ELSE 'DONE' END,
              CASE n WHEN 2 THEN 'SOURCE_DOWN' END, n, n * 10, n % 2, n % 3
       FROM source s, generate_series(1, 3) n WHERE s.key NOT LIKE '%3' AND (n > 1 OR s.key LIKE '%1')""",
)
CASES = (
    """INSERT INTO link (source, student, key, from_at, until_at)
       SELECT s.party, s.student, 'Z' || left(md5(s.student::text || s.party), 8), now() - interval '9 days',
              CASE WHEN s.student::text LIKE '%9' THEN now() ELSE 'infinity'::timestamptz END
       FROM (SELECT DISTINCT split_part(seer, '#', 1) AS party, student FROM access
             WHERE seer LIKE 'municipality:%' OR seer LIKE 'service:%') s""",
    """INSERT INTO link (source, student, key, from_at)
       SELECT 'municipality:GM0363', a.student, 'A' || left(md5(a.student::text), 8), now() - interval '1 day'
       FROM (SELECT DISTINCT student FROM access WHERE seer LIKE 'employer:%' OR student::text LIKE '%4') a
       ON CONFLICT DO NOTHING""",
    """INSERT INTO support_request (student, n, from_seer, to_seer, wanted, state, reason, sent_at, answered_at)
       SELECT DISTINCT ON (a.student) a.student, 1, a.seer, b.seer, ARRAY['VASTE_TAKEN'],
              CASE WHEN a.student::text LIKE '%3' THEN 'DECLINED' ELSE 'SENT' END,
              CASE WHEN a.student::text LIKE '%3' THEN 'OTHER_ROUTE' END, now() - interval '40 days',
              CASE WHEN a.student::text LIKE '%3' THEN now() - interval '1 day' END
       FROM access a JOIN access b ON b.student = a.student AND b.seer LIKE 'municipality:%'
       WHERE a.seer LIKE 'school:%' ORDER BY a.student, a.seer, b.seer ON CONFLICT DO NOTHING""",
    """INSERT INTO handover (student, n, from_seer, to_seer, state, minted_at, started_at, expires_at)
       SELECT r.student, 1, r.from_seer, r.to_seer, CASE WHEN r.state = 'SENT' THEN 'STARTED' ELSE 'CONFIRMED' END,
              now() - interval '1 day', now() - interval '40 days',
              now() + CASE WHEN r.student::text LIKE '%1' THEN -1 ELSE 9 END * interval '1 day'
       FROM support_request r ON CONFLICT DO NOTHING""",
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
# Losses in every state, on either basis, told by each kind of party.
LOST = (
    """INSERT INTO uitval (student, n, placement_n, basis, state, how, ended_on, reported_by, reported_at, picked_up_at,
                            interview_on, held_on, next_step, closed_at)
       SELECT d.student, row_number() OVER (PARTITION BY d.student ORDER BY d.n), d.n, d.basis, d.state,
              CASE WHEN d.told THEN 'BY_AGREEMENT' END, date '2026-10-01' + d.n, CASE WHEN d.told THEN d.teller END,
              CASE WHEN d.told THEN now() - d.n * interval '5 days' END, CASE WHEN d.d > 9 THEN now() END,
              CASE WHEN d.d > 8 THEN date '2026-12-01' END, CASE WHEN d.d > 12 THEN date '2026-12-02' END,
              CASE WHEN d.d > 13 THEN 'LEERLIJN' END,
              CASE WHEN d.state IN ('CLOSED', 'WITHDRAWN') THEN now() - interval '1 day' END
       FROM (SELECT p.student, p.n, h.d, s.state, t.told, CASE WHEN t.told THEN 'TOLD' ELSE 'PRESUMED' END AS basis,
                    (ARRAY['employer:' || p.employer || '#mentor', 'school:' || x.school || '#guidance',
                           'municipality:' || x.municipality || '#participatie'])[1 + h.d % 3] AS teller
             FROM placement p JOIN student x ON x.id = p.student
             CROSS JOIN LATERAL (SELECT ('x' || left(md5(p.student::text || p.n), 2))::bit(8)::int % 16 AS d) h
             CROSS JOIN LATERAL (SELECT (ARRAY['REPORTED', 'PICKED_UP', 'INTERVIEW_PLANNED', 'INTERVIEW_HELD',
                                               'NEXT_STEP', 'CLOSED', 'WITHDRAWN', 'SIGNALLED'])[1 + h.d % 8]) s(state)
             CROSS JOIN LATERAL (SELECT s.state <> 'SIGNALLED' AND h.d <> 6 AND x.municipality IS NOT NULL
                                        OR s.state NOT IN ('SIGNALLED', 'WITHDRAWN')) t(told)) d
       WHERE NOT d.told OR d.teller IS NOT NULL""",
)
NOBODY_S = ("coordinator:AM27#coordinator", "national#lead", "national#reader")  # told of people by mistake
# $1 is who is told: of people they see, saw and never saw, with a case or without; of ends; of nobody; of the erased.
HAPPENED = (
    """INSERT INTO outbox (type, subject_kind, student, case_type, case_n, seers, details)
       SELECT 'nl.arbeidstoeleiding.' || c.what || '.v1', 'STUDENT', s.student, c.kind, c.n,
              ARRAY[s.seer, ($1::text[])[1 + coalesce(c.n, 0) % cardinality($1::text[])]],
              '{"month": "2026-10", "basis": "PRESUMED"}'
       FROM (SELECT seer, student, row_number() OVER (PARTITION BY seer ORDER BY md5(student::text || seer)) AS k
             FROM sight WHERE seer = ANY ($1)) s
       CROSS JOIN LATERAL (
           SELECT 'uitval-gemeld', 'UITVAL', u.n FROM uitval u WHERE u.student = s.student
           UNION ALL SELECT 'plaatsing-beeindigd', 'PLACEMENT', p.n FROM placement p WHERE p.student = s.student
           UNION ALL SELECT 'verzoek-ondersteuning-gedaan', 'SUPPORT_REQUEST', 1
           UNION ALL SELECT 'overdracht-aanvaard', 'HANDOVER', 1
           UNION ALL SELECT 'regie-overgedragen', NULL, NULL) c(what, kind, n)
       WHERE s.k <= 12""",
    """INSERT INTO outbox (type, subject_kind, student, seers, details)
       SELECT 'nl.arbeidstoeleiding.toegang-beeindigd.v1', 'ENDING', s.student, ARRAY[s.seer, ($1::text[])[1]],
              '{"purpose": "WORK_SEARCH"}'
       FROM (SELECT seer, student, row_number() OVER (PARTITION BY seer ORDER BY md5(student::text || seer)) AS k
             FROM sight WHERE seer = ANY ($1)) s WHERE s.k <= 3""",
    """INSERT INTO outbox (type, subject_kind, seers, details)
       SELECT 'nl.arbeidstoeleiding.plaats-vrijgekomen.v1', 'NONE', $1::text[],
              jsonb_build_object('month', '2026-11', 'opportunity', o.id)
       FROM (SELECT id FROM opportunity ORDER BY md5(id::text) LIMIT 8) o""",
    """INSERT INTO outbox (type, subject_kind, seers, details)
       SELECT 'nl.arbeidstoeleiding.' || what || '.v1', kind, $1::text[], '{"purpose": "STAGE"}'
       FROM (VALUES ('uitval-gemeld', 'STUDENT'), ('toestemming-ingetrokken', 'ENDING')) erased(what, kind)""",
)
# Endpoints in every state, of everybody who is told; before the log is, so that it makes their deliveries.
ENDPOINTS = (
    """INSERT INTO webhook (id, seer, url, types)
       SELECT md5(s || n)::uuid, s, 'https://ontvanger.example/"' || n,
              CASE n WHEN 2 THEN ARRAY['nl.arbeidstoeleiding.uitval-gemeld.v1',
                                       'nl.arbeidstoeleiding.plaats-vrijgekomen.v1'] ELSE '{}' END
       FROM unnest($1::text[]) s, generate_series(1, 4) n""",
    """UPDATE webhook SET state = 'ACTIVE', verified_at = now() - interval '1 day'
       WHERE id::text < 'd' AND seer = ANY ($1)""",
    """INSERT INTO webhook_key (webhook, n, key, sealed, from_at, until_at)
       SELECT w.id, n, 'whpk_' || rpad(n::text, 43, 'A') || '=', 'x', now() - interval '3 days',
              CASE n WHEN 1 THEN now() - interval '1 day' WHEN 2 THEN now() + interval '1 day' ELSE 'infinity' END
       FROM webhook w, generate_series(1, 3) n WHERE w.seer = ANY ($1)""",
    """INSERT INTO delivery (webhook, epoch, pos, seer, state, code, ended_at)
       SELECT w.id, 0, n, w.seer, CASE n WHEN 3 THEN 'WAITING' WHEN 2 THEN 'DEAD' ELSE 'DONE' END, '500',
              CASE WHEN n < 3 THEN now() - n * interval '1 hour' END
       FROM webhook w, generate_series(1, 3) n WHERE w.seer = ANY ($1) AND (n < 3 OR w.id::text LIKE '%1')""",
)
DELIVERED = """UPDATE delivery SET tries = pos % 11, code = CASE WHEN pos % 4 = 2 THEN 'TIMEOUT' END,
        state = (ARRAY['WAITING', 'DONE', 'DEAD', 'SENDING'])[1 + pos % 4], leased_until = now(),
        ended_at = CASE WHEN pos % 4 IN (1, 2) THEN now() - pos * interval '1 minute' END WHERE epoch > 0"""
ENDED = """UPDATE webhook SET state = CASE WHEN id::text < '4' THEN 'FAILED' ELSE 'DISABLED' END, ended_at = now(),
        reason = CASE WHEN id::text < '4' THEN 'NO_ANSWER' ELSE 'GONE' END WHERE id::text < '8'"""
# Due to who sees them, saw them and never did, to one of them only; some of it done. Late: each of these, everywhere.
LATE = (
    "DELETE FROM due",
    """INSERT INTO due (id, seer, student, process, step, case_type, case_n, due_at, reminded_at, done_at)
       SELECT md5('due' || s.seer || s.student || c.process || coalesce(c.n, 0))::uuid,
              CASE WHEN s.k % 7 = 6 THEN ($1::text[])[1] ELSE s.seer END,
              s.student, c.process, c.step, c.kind, c.n, date '2026-12-01' + s.k::int % 5 * interval '1 day',
              CASE WHEN s.k % 3 = 0 THEN now() END, CASE WHEN s.k % 5 = 4 THEN now() END
       FROM (SELECT seer, student, row_number() OVER (PARTITION BY seer ORDER BY md5(seer || student::text)) AS k
             FROM sight WHERE seer = ANY ($1)) s
       CROSS JOIN LATERAL (
           SELECT 'UITVAL', 'PICK_UP', 'UITVAL', u.n FROM uitval u WHERE u.student = s.student
           UNION ALL SELECT 'PLACEMENT_END', 'ANSWER', 'PLACEMENT', p.n FROM placement p WHERE p.student = s.student
           UNION ALL SELECT 'MOVE', 'REVIEW', NULL, NULL
           UNION ALL SELECT 'LEAD', 'ANSWER', NULL, NULL) c(process, step, kind, n)
       WHERE s.k <= 14 ON CONFLICT DO NOTHING""",
    """INSERT INTO overdue (id, region, late_seer, process, step, due_at, escalated_at, cleared_at)
       SELECT md5('overdue' || s || r.code)::uuid, r.code, s, 'UITVAL', 'PICK_UP', '2026-11-03 23:00+00',
              date '2026-11-05' + n::int % 3,
              CASE WHEN n % 2 = 0 THEN now() END
       FROM unnest($1::text[]) WITH ORDINALITY t(s, n), region r WHERE r.code IN ('AM27', 'AM10', 'AM01')""",
    """INSERT INTO figure_overdue (region, process, step, items, computed_at)
       VALUES (NULL, 'UITVAL', 'PICK_UP', '8-11', now()), ('AM27', 'UITVAL', 'PICK_UP', '<5', now()),
              ('AM10', 'UITVAL', 'PICK_UP', '7', now()),
              (NULL, 'UITVAL', 'HOLD_INTERVIEW', '5', now())""",
    """INSERT INTO outbox (type, subject_kind, seers, details)
       SELECT 'nl.arbeidstoeleiding.termijn-overschreden.v1', 'NONE', $1::text[], jsonb_build_object('overdue', o.id)
       FROM (SELECT id FROM overdue ORDER BY id LIMIT 25) o""",
)
LEADS = "UPDATE leader SET token = token + 1 WHERE name = 'sequencer' RETURNING token"
OLDER = "UPDATE event_log SET logged_at = logged_at - interval '1 day' WHERE pos % 3 = 0"


async def roughen(url: str, seers: list[str]) -> None:
    """Makes a seeded database awkward for these seers."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            for statement in (*TEXTS, *SOURCES, *CASES):
                await connection.execute(statement)
            for seer in seers:
                await connection.execute(TRACE_OF_OWN, seer)
                for table, case in (("placement", "PLACEMENT"), ("credential", "CREDENTIAL")):
                    trace = TRACE.format(table=table)
                    await connection.execute(trace, seer, case, 90, False, 6)
                    await connection.execute(trace, seer, case, -1, False, 3)
                    await connection.execute(trace, seer, case, 90, True, 3)
            for statement in (*PEOPLE, *LOST):
                await connection.execute(statement)
            for statement in (*ENDPOINTS, *HAPPENED):
                await connection.execute(statement, [*seers, *NOBODY_S])
            for statement in LATE:
                await connection.execute(statement, *([[*seers, *NOBODY_S]] if "$1" in statement else []))
            token = await connection.fetchval(LEADS)
            await connection.fetchval("SELECT sequence_events($1, $2, interval '1 minute')", token, 10**6)
            for statement in (OLDER, DELIVERED, ENDED):
                await connection.execute(statement)
    finally:
        await connection.close()
