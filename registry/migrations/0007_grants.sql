-- why    wall 3: which role may read which table and column, and which rows of it
-- locks  ACCESS EXCLUSIVE on each table, empty
-- undo   DROP POLICY / REVOKE for each
--
-- Laws
-- 1. Hand-written from the design's sections 3 and 4; never generated from auth/policy.py, which is another transcription of the same.
-- 2. A right over a young person is a scalar subquery on `sight` or `access`: EXISTS may become a hashed subplan that reads every row
--    of the party, and definer functions are slower still.
-- 3. Row-level security is forced: the owner and the worker pass by policies of their own, not by privilege.

-- ---- the public directory: every reader
GRANT SELECT ON region, municipality, region_neighbour, postcode, doorstroompunt_region, school_board, school, service_point, contact_step,
                employer_location
    TO "@db@_directory", "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer", "@db@_coordinator", "@db@_national",
       "@db@_command";

GRANT SELECT (id, owner_kind, owner, topic, name, desk, phone, mail, hours, absent_until, deputy, partner_only, verified) ON contact_point
    TO "@db@_directory", "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer", "@db@_coordinator", "@db@_national",
       "@db@_command";
GRANT SELECT (region, filled, holder) ON coordinator_post TO "@db@_directory", "@db@_employer";
GRANT SELECT ON coordinator_post
    TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_coordinator", "@db@_national", "@db@_command";
GRANT SELECT ON coordinator_post_history TO "@db@_coordinator", "@db@_national", "@db@_command";
GRANT SELECT ON contact_point_history TO "@db@_national", "@db@_command";

ALTER TABLE contact_point ENABLE ROW LEVEL SECURITY;
ALTER TABLE contact_point FORCE ROW LEVEL SECURITY;
CREATE POLICY shown_to_all ON contact_point FOR SELECT TO "@db@_directory", "@db@_employer", "@db@_national" USING (NOT partner_only);
CREATE POLICY shown_to_partners ON contact_point FOR SELECT
    TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_coordinator", "@db@_command" USING (true);
-- a reader (the ministries) has the published figures and what the public has
CREATE POLICY shown_to_national ON contact_point FOR SELECT TO "@db@_national" USING (acting_seer() <> 'national#reader');

-- ---- which regions a party works in, from what it covers
CREATE VIEW party_region WITH (security_invoker = true) AS
    SELECT c.party, c.region FROM covers c WHERE c.region IS NOT NULL AND c.until_at > now() AND c.from_at <= now()
    UNION
    SELECT c.party, m.region FROM covers c JOIN municipality m ON m.code = c.municipality WHERE c.until_at > now() AND c.from_at <= now()
    UNION
    SELECT c.party, s.region FROM covers c JOIN school s ON s.brin = c.school WHERE c.until_at > now() AND c.from_at <= now();
GRANT SELECT ON covers, party_region
    TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer", "@db@_coordinator", "@db@_national", "@db@_command";
GRANT SELECT (key, kind, name, from_at, until_at) ON party
    TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer", "@db@_coordinator", "@db@_national", "@db@_command";
ALTER TABLE covers ENABLE ROW LEVEL SECURITY;
ALTER TABLE covers FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON covers FOR SELECT
    TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer", "@db@_coordinator", "@db@_national", "@db@_command"
    USING (party = acting_party());

-- Whose contact points a party may make and change: its own; a coordinator those of its region; national all.
CREATE FUNCTION acts_for(kind text, owner text) RETURNS boolean LANGUAGE sql STABLE AS $acts$
    SELECT CASE split_part(acting_party(), ':', 1)
        WHEN 'national' THEN acting_seer() <> 'national#reader'
        WHEN 'school' THEN kind = 'SCHOOL' AND acting_party() = 'school:' || owner
        WHEN 'board' THEN kind = 'SCHOOL_BOARD' AND acting_party() = 'board:' || owner
        WHEN 'servicepoint' THEN kind = 'SERVICE_POINT' AND acting_party() = 'servicepoint:' || owner
        WHEN 'municipality' THEN kind = 'MUNICIPALITY' AND acting_party() = 'municipality:' || owner
        WHEN 'doorstroompunt' THEN kind = 'DOORSTROOMPUNT' AND acting_party() = 'doorstroompunt:' || owner
        WHEN 'service' THEN kind = 'MUNICIPALITY' AND owner IN (
            SELECT c.municipality FROM covers c WHERE c.party = acting_party() AND c.from_at <= now() AND c.until_at > now())
        WHEN 'coordinator' THEN split_part(acting_party(), ':', 2) = CASE kind
            WHEN 'REGION' THEN owner
            WHEN 'SCHOOL' THEN (SELECT s.region FROM school s WHERE s.brin = owner)
            WHEN 'MUNICIPALITY' THEN (SELECT m.region FROM municipality m WHERE m.code = owner)
            WHEN 'SERVICE_POINT' THEN (SELECT v.region FROM service_point v WHERE v.code = owner) END
        ELSE false END
$acts$;
CREATE POLICY made_by_command ON contact_point FOR INSERT TO "@db@_command" WITH CHECK (acts_for(owner_kind, owner));
CREATE POLICY changed_by_command ON contact_point FOR UPDATE TO "@db@_command" USING (acts_for(owner_kind, owner));

ALTER TABLE coordinator_post_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE coordinator_post_history FORCE ROW LEVEL SECURITY;
-- its own post is the one that its key names, whatever else it covers
CREATE POLICY own ON coordinator_post_history FOR SELECT TO "@db@_coordinator" USING (acting_party() = 'coordinator:' || region);
CREATE POLICY national_all ON coordinator_post_history FOR SELECT TO "@db@_national" USING (acting_seer() <> 'national#reader');
CREATE POLICY by_command ON coordinator_post_history FOR ALL TO "@db@_command" USING (acting_seer() IS NOT NULL)
    WITH CHECK (seer = acting_seer());
ALTER TABLE contact_point_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE contact_point_history FORCE ROW LEVEL SECURITY;
CREATE POLICY national_all ON contact_point_history FOR SELECT TO "@db@_national" USING (acting_seer() <> 'national#reader');
CREATE POLICY by_command ON contact_point_history FOR ALL TO "@db@_command" USING (acting_seer() IS NOT NULL)
    WITH CHECK (seer = acting_seer());
ALTER TABLE coordinator_post ENABLE ROW LEVEL SECURITY;
ALTER TABLE coordinator_post FORCE ROW LEVEL SECURITY;
CREATE POLICY read_all ON coordinator_post FOR SELECT
    TO "@db@_directory", "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer", "@db@_coordinator", "@db@_national",
       "@db@_command" USING (true);
-- national: any post; a coordinator: the post of its own region
CREATE POLICY changed_by_command ON coordinator_post FOR UPDATE TO "@db@_command"
    USING (acting_seer() IN ('national#lead', 'national#council') OR acting_party() = 'coordinator:' || region);
GRANT INSERT, UPDATE ON contact_point TO "@db@_command";
GRANT UPDATE (state, holder, organisation, hours, mandate, schools_represented, since) ON coordinator_post TO "@db@_command";
GRANT INSERT ON coordinator_post_history, contact_point_history TO "@db@_command";

-- ---- opportunities and employers
GRANT SELECT ON opportunity, employer
    TO "@db@_directory", "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer", "@db@_coordinator", "@db@_national";
ALTER TABLE opportunity ENABLE ROW LEVEL SECURITY;
ALTER TABLE opportunity FORCE ROW LEVEL SECURITY;
CREATE POLICY shown_to_all ON opportunity FOR SELECT
    TO "@db@_directory", "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer", "@db@_coordinator", "@db@_national"
    USING (public);
CREATE POLICY own_region ON opportunity FOR SELECT TO "@db@_service_point", "@db@_municipality", "@db@_coordinator"
    USING (region = ANY (ARRAY (SELECT p.region FROM party_region p WHERE p.party = acting_party())));
CREATE POLICY own_and_neighbouring_regions ON opportunity FOR SELECT TO "@db@_school"
    USING (region = ANY (ARRAY (SELECT p.region FROM party_region p WHERE p.party = acting_party()
                                UNION ALL
                                SELECT b.neighbour FROM party_region p JOIN region_neighbour b ON b.region = p.region
                                WHERE p.party = acting_party())));
CREATE POLICY own ON opportunity FOR SELECT TO "@db@_service_point" USING (service_point = acting_party());
CREATE POLICY own_as_employer ON opportunity FOR SELECT TO "@db@_employer" USING (employer = split_part(acting_party(), ':', 2));

-- ---- young people
GRANT SELECT ON sight TO "@db@_school", "@db@_municipality";
GRANT SELECT (seer, student, alias, id_salt, seen_until, until_candidate, until_given_name, until_identified) ON sight
    TO "@db@_service_point", "@db@_employer";
GRANT SELECT (seer, student, case_type, case_n, ends_at, ended_at) ON access
    TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer";
GRANT SELECT ON student_profile, placement, credential TO "@db@_school", "@db@_municipality";
GRANT SELECT (student, sectors, hours, travel_limit, support_wanted, work_processes, leaves_on) ON student_profile
    TO "@db@_service_point", "@db@_employer";
GRANT SELECT (student, n, kind, employer, opportunity, hours, from_on, to_on, state) ON placement TO "@db@_service_point", "@db@_employer";
GRANT SELECT (student, n, kind, level, work_processes) ON credential TO "@db@_service_point", "@db@_employer";
GRANT SELECT ON lead TO "@db@_school", "@db@_municipality";
GRANT SELECT ON link TO "@db@_school";

ALTER TABLE sight ENABLE ROW LEVEL SECURITY;
ALTER TABLE sight FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON sight FOR SELECT TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer"
    USING (seer = current_setting('spil.seer', true) AND seen_until > now());
CREATE POLICY kept ON sight FOR ALL TO "@db@_keeper" USING (true) WITH CHECK (true);

ALTER TABLE access ENABLE ROW LEVEL SECURITY;
ALTER TABLE access FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON access FOR SELECT TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer"
    USING (seer = current_setting('spil.seer', true));
CREATE POLICY kept ON access FOR SELECT TO "@db@_keeper" USING (true);

ALTER TABLE student ENABLE ROW LEVEL SECURITY;
ALTER TABLE student FORCE ROW LEVEL SECURITY;
CREATE POLICY kept ON student FOR SELECT TO "@db@_keeper" USING (true);

ALTER TABLE student_profile ENABLE ROW LEVEL SECURITY;
ALTER TABLE student_profile FORCE ROW LEVEL SECURITY;
CREATE POLICY seen ON student_profile FOR SELECT TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer"
    USING ((SELECT s.until_candidate > now() FROM sight s
            WHERE s.seer = current_setting('spil.seer', true) AND s.student = student_profile.student));

ALTER TABLE placement ENABLE ROW LEVEL SECURITY;
ALTER TABLE placement FORCE ROW LEVEL SECURITY;
CREATE POLICY seen ON placement FOR SELECT TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer"
    USING ((SELECT s.until_candidate > now() FROM sight s
            WHERE s.seer = current_setting('spil.seer', true) AND s.student = placement.student)
        OR (SELECT true FROM access a
            WHERE a.seer = current_setting('spil.seer', true) AND a.student = placement.student AND a.case_type = 'PLACEMENT'
              AND a.case_n = placement.n AND a.ended_at = 'infinity' AND a.ends_at > now() LIMIT 1));
CREATE POLICY of_own_opportunity ON placement AS RESTRICTIVE FOR SELECT TO "@db@_service_point"
    USING ((SELECT o.service_point = acting_party() FROM opportunity o WHERE o.id = placement.opportunity));
CREATE POLICY own ON placement AS RESTRICTIVE FOR SELECT TO "@db@_employer"
    USING (employer = split_part(acting_party(), ':', 2));

ALTER TABLE credential ENABLE ROW LEVEL SECURITY;
ALTER TABLE credential FORCE ROW LEVEL SECURITY;
CREATE POLICY seen ON credential FOR SELECT TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer"
    USING ((SELECT s.until_candidate > now() FROM sight s
            WHERE s.seer = current_setting('spil.seer', true) AND s.student = credential.student)
        OR (SELECT true FROM access a
            WHERE a.seer = current_setting('spil.seer', true) AND a.student = credential.student AND a.case_type = 'CREDENTIAL'
              AND a.case_n = credential.n AND a.ended_at = 'infinity' AND a.ends_at > now() LIMIT 1));

ALTER TABLE lead ENABLE ROW LEVEL SECURITY;
ALTER TABLE lead FORCE ROW LEVEL SECURITY;
CREATE POLICY seen ON lead FOR SELECT TO "@db@_school", "@db@_municipality"
    USING ((SELECT s.until_candidate > now() FROM sight s
            WHERE s.seer = current_setting('spil.seer', true) AND s.student = lead.student));

ALTER TABLE link ENABLE ROW LEVEL SECURITY;
ALTER TABLE link FORCE ROW LEVEL SECURITY;
-- the school's own number, for the own school only
CREATE POLICY own ON link FOR SELECT TO "@db@_school"
    USING (source = acting_party()
       AND (SELECT s.until_candidate > now() FROM sight s
            WHERE s.seer = current_setting('spil.seer', true) AND s.student = link.student));

ALTER TABLE consent ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent FORCE ROW LEVEL SECURITY;

-- ---- accounts: one's own commands; reads are written by the scribe and read by nobody here
ALTER TABLE command ENABLE ROW LEVEL SECURITY;
ALTER TABLE command FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON command FOR ALL TO "@db@_command" USING (seer = acting_seer());
GRANT SELECT, INSERT ON command TO "@db@_command";
GRANT INSERT ON read TO "@db@_scribe";
GRANT SELECT ON issuer, issuer_party, client_party, party_agreement, party TO "@db@_worker";

-- ---- the worker (harvest, seed, register import) and the owner pass by policy
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "@db@_worker";
REVOKE INSERT, UPDATE, DELETE ON sight FROM "@db@_worker";
REVOKE INSERT, UPDATE, DELETE ON read, migration FROM "@db@_worker";
DO $pass$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['contact_point', 'covers', 'coordinator_post', 'coordinator_post_history', 'contact_point_history',
                                'opportunity', 'sight', 'access', 'student', 'student_profile', 'placement', 'credential', 'lead', 'link',
                                'consent', 'command'] LOOP
        EXECUTE format('CREATE POLICY worker ON %I FOR ALL TO %I USING (true) WITH CHECK (true)', name, '@db@_worker');
        EXECUTE format('CREATE POLICY owner ON %I FOR ALL TO CURRENT_USER USING (true) WITH CHECK (true)', name);
    END LOOP;
END
$pass$;
