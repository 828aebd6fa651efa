"""The route to a contact for PUPILS_TO_WORK at a postcode ($1), by hand for this topic: what both peers build on.

One row per step that was walked: n, kind, why, verified, contact. Only what everybody may see, by a plain condition.
"""

_SHOWN = "NOT x.partner_only"
_COLUMNS = "x.id, x.verified, x.absent_until, x.deputy"

PATH = f"""
SELECT j.n, j.kind, j.why, j.contact, j.verified
FROM (
    SELECT i.*, sum((i.why IN ('FOUND', 'DEPUTY'))::int) OVER (ORDER BY i.n ROWS UNBOUNDED PRECEDING) AS found
    FROM (
        SELECT s.n, s.kind, coalesce(d.id, s.id) AS contact,
               CASE WHEN d.id IS NULL THEN s.verified ELSE d.verified END AS verified,
               CASE WHEN s.n = 4 THEN 'FOUND'
                    WHEN s.id IS NULL THEN CASE WHEN s.vacant THEN 'POST_NOT_FILLED' ELSE 'NO_CONTACT' END
                    WHEN s.absent_until >= s.today THEN CASE WHEN d.id IS NULL THEN 'ABSENT' ELSE 'DEPUTY' END
                    WHEN s.verified >= s.today - interval '12 months' THEN 'FOUND'
                    ELSE 'NOT_VERIFIED' END AS why
        FROM (
            SELECT m.region, r.centre, (now() AT TIME ZONE 'Europe/Amsterdam')::date AS today
            FROM postcode p JOIN municipality m ON m.code = p.municipality JOIN region r ON r.code = m.region
            WHERE p.digits = $1 OFFSET 0
        ) f
        CROSS JOIN LATERAL (
            SELECT 1 AS n, 'COORDINATOR' AS kind, t.holder IS NULL AS vacant, f.today, {_COLUMNS}
            FROM (SELECT) one LEFT JOIN coordinator_post t ON t.region = f.region AND t.filled
            LEFT JOIN contact_point x ON x.id = t.holder AND {_SHOWN}
            UNION ALL
            SELECT 2, 'SERVICE_POINT', false, f.today, {_COLUMNS}
            FROM (SELECT (
                SELECT v.code FROM service_point v
                WHERE v.region = f.region AND v.kind IN ('WERKCENTRUM', 'WSP', 'LEERWERKLOKET')
                  AND v.valid_from <= f.today AND coalesce(v.valid_to, 'infinity') >= f.today
                ORDER BY array_position(ARRAY['WERKCENTRUM', 'WSP', 'LEERWERKLOKET'], v.kind), v.code LIMIT 1
            ) AS code OFFSET 0) v
            LEFT JOIN contact_point x
                ON x.owner_kind = 'SERVICE_POINT' AND x.owner = v.code AND x.topic = 'PUPILS_TO_WORK' AND {_SHOWN}
            UNION ALL
            SELECT 3, 'CENTRE_MUNICIPALITY', false, f.today, {_COLUMNS}
            FROM (SELECT) one LEFT JOIN contact_point x
                ON x.owner_kind = 'MUNICIPALITY' AND x.owner = f.centre AND x.topic = 'PUPILS_TO_WORK' AND {_SHOWN}
            UNION ALL
            SELECT 4, 'NATIONAL_DESK', false, f.today, {_COLUMNS}
            FROM contact_point x WHERE x.owner_kind = 'NATIONAL' AND x.owner = 'national' AND x.topic = 'PUPILS_TO_WORK'
        ) s
        LEFT JOIN LATERAL (
            SELECT x.id, x.verified FROM contact_point x
            WHERE s.absent_until >= s.today AND x.id = s.deputy AND {_SHOWN}
              AND x.verified >= s.today - interval '12 months' AND coalesce(x.absent_until < s.today, true) OFFSET 0
        ) d ON true
    ) i
) j
WHERE j.found - (j.why IN ('FOUND', 'DEPUTY'))::int = 0
"""
