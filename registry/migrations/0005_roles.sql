-- why    the database roles: readers per graph role, the writers, and the keeper of sight
-- locks  pg_authid, briefly
-- undo   REASSIGN OWNED / DROP OWNED / DROP ROLE for each
--
-- Roles are cluster-wide: their names carry the database's (`@db@`), and making them again does nothing.

DO $roles$
DECLARE
    part text;
BEGIN
    FOREACH part IN ARRAY ARRAY['directory', 'school', 'service_point', 'municipality', 'employer', 'coordinator', 'national',
                                'command', 'scribe', 'worker', 'keeper'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '@db@_' || part) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT NOBYPASSRLS', '@db@_' || part);
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', '@db@_' || part);
    END LOOP;
    -- The owner makes the keeper's functions and hands them over, so it must be able to become the keeper. It is a member of no reader:
    -- it would inherit their restrictive policies.
    IF current_setting('server_version_num')::int >= 160000 THEN
        EXECUTE format('GRANT %I TO CURRENT_USER WITH INHERIT FALSE, SET TRUE', '@db@_keeper');
    ELSE
        EXECUTE format('GRANT %I TO CURRENT_USER', '@db@_keeper');
    END IF;
END
$roles$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO "@db@_keeper";      -- for the ownership of its functions; it cannot log in

-- The party and the seer of the request: set for one transaction, '' where none is set.
CREATE FUNCTION acting_seer() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('spil.seer', true), '');
CREATE FUNCTION acting_party() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN split_part(nullif(current_setting('spil.seer', true), ''), '#', 1);
GRANT EXECUTE ON FUNCTION acting_seer(), acting_party() TO PUBLIC;
