-- Makes the three logins of the database `spil`, or renews their passwords: what `spil migrate` prints, for psql.
--   psql -v gateway=... -v directory=... -v worker=... -f deploy/logins.sql postgresql://spil_owner:...@db/spil
-- Held against `spil migrate` by tests/deploy/test_compose.py.
\set ON_ERROR_STOP on
SELECT 'CREATE ROLE "spil_gateway_login" LOGIN NOINHERIT NOBYPASSRLS'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'spil_gateway_login') \gexec
SELECT 'CREATE ROLE "spil_directory_login" LOGIN INHERIT NOBYPASSRLS'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'spil_directory_login') \gexec
SELECT 'CREATE ROLE "spil_worker_login" LOGIN INHERIT NOBYPASSRLS'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'spil_worker_login') \gexec
ALTER ROLE "spil_gateway_login" PASSWORD :'gateway';
ALTER ROLE "spil_directory_login" PASSWORD :'directory';
ALTER ROLE "spil_worker_login" PASSWORD :'worker';
GRANT "spil_directory", "spil_school", "spil_service_point", "spil_municipality", "spil_employer", "spil_coordinator", "spil_national", "spil_command", "spil_scribe" TO "spil_gateway_login";
GRANT "spil_directory" TO "spil_directory_login";
GRANT "spil_worker" TO "spil_worker_login";
