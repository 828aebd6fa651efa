-- why    `sight` follows from `access` in the same transaction, by the keeper and nobody else
-- locks  triggers on empty tables
-- undo   DROP FUNCTION keep_sight, keep_sight_place CASCADE
--
-- Laws
-- 1. Only the keeper writes `sight`.
-- 2. First the row (and with it the lock), in key order; then the instants, in a statement of its own: under READ COMMITTED it has a
--    snapshot taken after the lock, so of two endings at once the second sees the first. (The row is born with the instants of what
--    changed, so that a new pair is written once; the second statement is what makes them true.)
-- 3. Each `until_*` is the latest end over the open reasons of that tier or a higher one.

CREATE FUNCTION keep_sight() RETURNS trigger
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $keep$
BEGIN
    INSERT INTO sight (seer, student, school, municipality, seen_until, until_candidate, until_given_name, until_identified)
        SELECT c.seer, c.student, s.school, s.municipality, c.seen_until, c.until_candidate, c.until_given_name, c.until_identified
        FROM (
            SELECT a.seer, a.student,
                   coalesce(max(a.ends_at) FILTER (WHERE a.ended_at = 'infinity'), '-infinity') AS seen_until,
                   coalesce(max(a.ends_at) FILTER (WHERE a.ended_at = 'infinity' AND a.tier <> 'TRACE'), '-infinity') AS until_candidate,
                   coalesce(max(a.ends_at) FILTER (WHERE a.ended_at = 'infinity' AND a.tier IN ('GIVEN_NAME', 'IDENTIFIED')),
                            '-infinity') AS until_given_name,
                   coalesce(max(a.ends_at) FILTER (WHERE a.ended_at = 'infinity' AND a.tier = 'IDENTIFIED'), '-infinity')
                       AS until_identified
            FROM changed a GROUP BY a.seer, a.student
        ) c JOIN student s ON s.id = c.student
        ORDER BY c.seer, c.student
        ON CONFLICT (seer, student) DO UPDATE SET seer = excluded.seer;

    UPDATE sight t
        SET seen_until = i.seen_until, until_candidate = i.until_candidate,
            until_given_name = i.until_given_name, until_identified = i.until_identified
        FROM (
            SELECT c.seer, c.student,
                   coalesce(max(a.ends_at), '-infinity') AS seen_until,
                   coalesce(max(a.ends_at) FILTER (WHERE a.tier <> 'TRACE'), '-infinity') AS until_candidate,
                   coalesce(max(a.ends_at) FILTER (WHERE a.tier IN ('GIVEN_NAME', 'IDENTIFIED')), '-infinity') AS until_given_name,
                   coalesce(max(a.ends_at) FILTER (WHERE a.tier = 'IDENTIFIED'), '-infinity') AS until_identified
            FROM (SELECT DISTINCT seer, student FROM changed) c
            LEFT JOIN access a ON a.seer = c.seer AND a.student = c.student AND a.ended_at = 'infinity'
            GROUP BY c.seer, c.student
        ) i
        WHERE t.seer = i.seer AND t.student = i.student
          AND (t.seen_until, t.until_candidate, t.until_given_name, t.until_identified)
              IS DISTINCT FROM (i.seen_until, i.until_candidate, i.until_given_name, i.until_identified);
    RETURN NULL;
END
$keep$;

-- A transfer or a move: the copies in `sight` are what nested pages range over.
CREATE FUNCTION keep_sight_place() RETURNS trigger
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $keep$
BEGIN
    UPDATE sight t SET school = c.school, municipality = c.municipality
        FROM changed c
        WHERE t.student = c.id AND (t.school, t.municipality) IS DISTINCT FROM (c.school, c.municipality);
    RETURN NULL;
END
$keep$;

GRANT SELECT ON access, student TO "@db@_keeper";
GRANT SELECT, INSERT, UPDATE ON sight TO "@db@_keeper";

CREATE TRIGGER access_added AFTER INSERT ON access REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_sight();
CREATE TRIGGER access_moved AFTER UPDATE ON access REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_sight();
CREATE TRIGGER access_removed AFTER DELETE ON access REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_sight();
CREATE TRIGGER student_moved AFTER UPDATE ON student REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_sight_place();

-- In this order: a trigger wants EXECUTE, and an owner who is no superuser may not take from PUBLIC what is the keeper's already.
REVOKE ALL ON FUNCTION keep_sight(), keep_sight_place() FROM PUBLIC;
ALTER FUNCTION keep_sight() OWNER TO "@db@_keeper";
ALTER FUNCTION keep_sight_place() OWNER TO "@db@_keeper";

-- A reason is ended or renewed, never turned into another: the trigger above looks at the new pairs only.
CREATE FUNCTION access_stays() RETURNS trigger LANGUAGE plpgsql AS $stays$
BEGIN
    RAISE EXCEPTION 'a reason keeps its seer, student, tier and purpose' USING ERRCODE = 'check_violation';
END
$stays$;
CREATE TRIGGER access_stays BEFORE UPDATE ON access FOR EACH ROW
    WHEN ((OLD.seer, OLD.student, OLD.tier, OLD.purpose, OLD.case_type, OLD.case_n)
          IS DISTINCT FROM (NEW.seer, NEW.student, NEW.tier, NEW.purpose, NEW.case_type, NEW.case_n))
    EXECUTE FUNCTION access_stays();
