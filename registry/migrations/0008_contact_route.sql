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
-- A walk, not one statement: most routes end at their first or second step, and what lies behind that is not looked up.
CREATE FUNCTION contact_route(asked text, place_kind text, place text,
                              OUT contact uuid, OUT kinds text[], OUT whys text[], OUT verifieds date[]) LANGUAGE plpgsql STABLE AS $route$
#variable_conflict use_variable                      -- columns are always named with their table
DECLARE
    day    date := today();
    spot   record;                                   -- where it is asked for
    step   text;
    whose  text;                                     -- of whom the step asks the desk: kind of owner ...
    who    text;                                     -- ... and its key
    holder uuid;                                     -- of the coordinator's post
    desk   record;
    deputy record;
    why    text;
BEGIN
    CASE place_kind
        WHEN 'SCHOOL' THEN
            SELECT s.brin AS school, s.municipality, s.region, s.doorstroompunt INTO spot FROM school s WHERE s.brin = place;
        WHEN 'BOARD' THEN
            SELECT NULL AS school, s.municipality, s.region, s.doorstroompunt INTO spot FROM school s
            WHERE s.board = place ORDER BY s.brin LIMIT 1;
        WHEN 'MUNICIPALITY' THEN
            SELECT NULL AS school, m.code AS municipality, m.region, NULL AS doorstroompunt INTO spot FROM municipality m WHERE m.code = place;
        WHEN 'REGION' THEN
            SELECT NULL AS school, r.centre AS municipality, r.code AS region, NULL AS doorstroompunt INTO spot FROM region r WHERE r.code = place;
        WHEN 'POSTCODE' THEN
            SELECT NULL AS school, m.code AS municipality, m.region, NULL AS doorstroompunt INTO spot
            FROM postcode p JOIN municipality m ON m.code = p.municipality WHERE p.digits = place;
    END CASE;
    IF spot.region IS NULL THEN
        kinds := '{UNKNOWN_PLACE}';
        whys := '{UNKNOWN_PLACE}';
        verifieds := '{NULL}';
    END IF;
    FOR step IN SELECT t.kind FROM contact_step t WHERE t.topic = asked ORDER BY t.n LOOP
        CONTINUE WHEN spot.region IS NULL AND step <> 'NATIONAL_DESK';
        CASE step
            WHEN 'COORDINATOR' THEN
                SELECT p.holder INTO holder FROM coordinator_post p WHERE p.region = spot.region AND p.filled;
            WHEN 'SCHOOL_DESK' THEN whose := 'SCHOOL'; who := spot.school;
            WHEN 'SERVICE_POINT' THEN
                whose := 'SERVICE_POINT';
                SELECT v.code INTO who FROM service_point v
                WHERE v.region = spot.region AND v.kind IN ('WERKCENTRUM', 'WSP', 'LEERWERKLOKET')
                  AND v.valid_from <= day AND coalesce(v.valid_to, 'infinity') >= day
                ORDER BY array_position(ARRAY['WERKCENTRUM', 'WSP', 'LEERWERKLOKET'], v.kind), v.code LIMIT 1;
            WHEN 'CENTRE_MUNICIPALITY' THEN
                whose := 'MUNICIPALITY';
                SELECT r.centre INTO who FROM region r WHERE r.code = spot.region;
            WHEN 'MUNICIPALITY' THEN whose := 'MUNICIPALITY'; who := spot.municipality;
            WHEN 'REGION_DESK' THEN whose := 'REGION'; who := spot.region;
            WHEN 'DOORSTROOMPUNT' THEN
                whose := 'DOORSTROOMPUNT'; who := spot.doorstroompunt;
                IF who IS NULL THEN
                    SELECT s.doorstroompunt INTO who FROM school s
                    WHERE s.municipality = spot.municipality AND s.doorstroompunt IS NOT NULL ORDER BY s.brin LIMIT 1;
                END IF;
            WHEN 'NATIONAL_DESK' THEN whose := 'NATIONAL'; who := 'national';
        END CASE;
        IF step = 'COORDINATOR' THEN
            SELECT x.id, x.verified, x.deputy, x.absent_until INTO desk FROM contact_point x WHERE x.id = holder;
        ELSE
            SELECT x.id, x.verified, x.deputy, x.absent_until INTO desk FROM contact_point x
            WHERE x.owner_kind = whose AND x.owner = who AND x.topic = asked;
        END IF;
        IF step = 'NATIONAL_DESK' THEN
            why := 'FOUND';
        ELSIF desk.id IS NULL THEN
            why := CASE WHEN step = 'COORDINATOR' AND holder IS NULL THEN 'POST_NOT_FILLED' ELSE 'NO_CONTACT' END;
        ELSIF desk.absent_until >= day THEN
            SELECT x.id, x.verified INTO deputy FROM contact_point x
            WHERE x.id = desk.deputy AND x.verified >= day - interval '12 months' AND coalesce(x.absent_until < day, true);
            IF deputy.id IS NULL THEN
                why := 'ABSENT';
            ELSE
                why := 'DEPUTY';
                desk := deputy;
            END IF;
        ELSIF desk.verified >= day - interval '12 months' THEN
            why := 'FOUND';
        ELSE
            why := 'NOT_VERIFIED';
        END IF;
        contact := desk.id;
        kinds := kinds || step;
        whys := whys || why;
        verifieds := verifieds || desk.verified;
        EXIT WHEN why IN ('FOUND', 'DEPUTY');
    END LOOP;
END
$route$;
