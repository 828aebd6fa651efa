-- why    one question, one right contact, and how it was found
-- locks  none
-- undo   DROP FUNCTION contact_route; DELETE the desks
--
-- Laws
-- 1. The answer is never empty: the national desk stands at the end of every route, verified or not.
-- 2. Runs with the rights of who asks: a contact for partners only is no contact for the public.
-- 3. A contact that nobody confirmed for 12 months is skipped, and the step says so.

ALTER TABLE contact_point ADD CHECK (owner_kind <> 'NATIONAL' OR NOT partner_only);
INSERT INTO contact_point (owner_kind, owner, topic, desk, verified)
    SELECT DISTINCT 'NATIONAL', 'national', topic, 'Landelijk loket arbeidstoeleiding pro-vso', current_date FROM contact_step;

CREATE FUNCTION today() RETURNS date LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (now() AT TIME ZONE 'Europe/Amsterdam')::date;

-- place_kind is one of SCHOOL, BOARD, MUNICIPALITY, REGION, POSTCODE; an unknown place gives the national desk.
CREATE FUNCTION contact_route(asked text, place_kind text, place text)
    RETURNS TABLE (contact uuid, kinds text[], whys text[], verifieds date[]) LANGUAGE sql STABLE AS $route$
WITH spot AS (
    SELECT s.brin AS school, s.municipality, s.region, s.doorstroompunt FROM school s WHERE place_kind = 'SCHOOL' AND s.brin = contact_route.place
    UNION ALL
    (SELECT NULL, s.municipality, s.region, s.doorstroompunt FROM school s WHERE place_kind = 'BOARD' AND s.board = contact_route.place ORDER BY s.brin LIMIT 1)
    UNION ALL
    SELECT NULL, m.code, m.region, NULL FROM municipality m WHERE place_kind = 'MUNICIPALITY' AND m.code = place
    UNION ALL
    SELECT NULL, r.centre, r.code, NULL FROM region r WHERE place_kind = 'REGION' AND r.code = place
    UNION ALL
    SELECT NULL, m.code, m.region, NULL FROM postcode p JOIN municipality m ON m.code = p.municipality
    WHERE place_kind = 'POSTCODE' AND p.digits = place
), step AS (
    SELECT t.n, t.kind, c.id, c.verified, c.deputy, c.absent_until, f.region IS NULL AS nowhere, post.holder IS NULL AS vacant
    FROM contact_step t
    LEFT JOIN spot f ON true
    LEFT JOIN LATERAL (
        SELECT o.owner_kind, o.owner FROM (
            SELECT 'SCHOOL' AS owner_kind, f.school AS owner WHERE t.kind = 'SCHOOL_DESK'
            UNION ALL
            (SELECT 'SERVICE_POINT', v.code FROM service_point v
             WHERE t.kind = 'SERVICE_POINT' AND v.region = f.region AND v.kind IN ('WERKCENTRUM', 'WSP', 'LEERWERKLOKET')
               AND v.valid_from <= today() AND coalesce(v.valid_to, 'infinity') >= today()
             ORDER BY array_position(ARRAY['WERKCENTRUM', 'WSP', 'LEERWERKLOKET'], v.kind), v.code LIMIT 1)
            UNION ALL
            SELECT 'MUNICIPALITY', r.centre FROM region r WHERE t.kind = 'CENTRE_MUNICIPALITY' AND r.code = f.region
            UNION ALL
            SELECT 'MUNICIPALITY', f.municipality WHERE t.kind = 'MUNICIPALITY'
            UNION ALL
            SELECT 'REGION', f.region WHERE t.kind = 'REGION_DESK'
            UNION ALL
            SELECT 'DOORSTROOMPUNT', coalesce(f.doorstroompunt, (SELECT s.doorstroompunt FROM school s
                    WHERE s.municipality = f.municipality AND s.doorstroompunt IS NOT NULL ORDER BY s.brin LIMIT 1))
            WHERE t.kind = 'DOORSTROOMPUNT'
            UNION ALL
            SELECT 'NATIONAL', 'national' WHERE t.kind = 'NATIONAL_DESK'
        ) o OFFSET 0
    ) o ON true
    LEFT JOIN LATERAL (
        SELECT p.holder FROM coordinator_post p WHERE t.kind = 'COORDINATOR' AND p.region = f.region AND p.filled OFFSET 0
    ) post ON true
    LEFT JOIN LATERAL (
        SELECT x.id, x.verified, x.deputy, x.absent_until FROM contact_point x
        WHERE (t.kind <> 'COORDINATOR' AND x.owner_kind = o.owner_kind AND x.owner = o.owner AND x.topic = t.topic)
        UNION ALL
        SELECT x.id, x.verified, x.deputy, x.absent_until FROM contact_point x WHERE t.kind = 'COORDINATOR' AND x.id = post.holder
    ) c ON true
    WHERE t.topic = asked
), judged AS (
    SELECT s.n, s.kind, CASE WHEN d.id IS NULL THEN s.id ELSE d.id END AS contact,
           CASE WHEN d.id IS NULL THEN s.verified ELSE d.verified END AS verified,
           CASE WHEN s.kind = 'NATIONAL_DESK' THEN 'FOUND'
                WHEN s.nowhere THEN 'UNKNOWN_PLACE'
                WHEN s.id IS NULL THEN CASE WHEN s.kind = 'COORDINATOR' AND s.vacant THEN 'POST_NOT_FILLED' ELSE 'NO_CONTACT' END
                WHEN s.absent_until >= today() THEN CASE WHEN d.id IS NULL THEN 'ABSENT' ELSE 'DEPUTY' END
                WHEN s.verified >= today() - interval '12 months' THEN 'FOUND'
                ELSE 'NOT_VERIFIED' END AS why
    FROM step s
    LEFT JOIN LATERAL (
        SELECT x.id, x.verified FROM contact_point x
        WHERE s.absent_until >= today() AND s.kind <> 'NATIONAL_DESK' AND x.id = s.deputy
          AND x.verified >= today() - interval '12 months' AND coalesce(x.absent_until < today(), true) OFFSET 0
    ) d ON true
    WHERE NOT s.nowhere OR s.kind = 'NATIONAL_DESK'
), walked AS (
    SELECT j.*, count(*) FILTER (WHERE j.why IN ('FOUND', 'DEPUTY')) OVER (ORDER BY j.n) AS found FROM judged j
), path AS (
    SELECT w.n, w.kind, w.why, w.verified, w.contact FROM walked w
    WHERE w.found = 0 OR (w.found = 1 AND w.why IN ('FOUND', 'DEPUTY'))
    UNION ALL
    SELECT 0, 'UNKNOWN_PLACE', 'UNKNOWN_PLACE', NULL, NULL WHERE NOT EXISTS (SELECT FROM spot)
)
SELECT (array_agg(p.contact ORDER BY p.n DESC))[1], array_agg(p.kind ORDER BY p.n), array_agg(p.why ORDER BY p.n),
       array_agg(p.verified ORDER BY p.n)
FROM path p
$route$;
