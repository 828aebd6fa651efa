-- why    live fields: who may send which partner the key that this partner knows a young person by
-- locks  link, briefly
-- undo   DROP POLICY case_of_municipality, of_school_and_own_case, of_school_and_municipality ON link; REVOKE SELECT ON link
--
-- Laws
-- 1. A key goes to the partner whose it is, and stands in no answer; the tier that opens it is asked here, not of who calls.
-- 2. identity: the school's number, at IDENTIFIED (of an employer at GIVEN_NAME: it asks the given name alone).
--    support: the case number; a municipality its own case, a school at IDENTIFIED, an employer at GIVEN_NAME: the jobcoach.

GRANT SELECT (student, source, key, from_at, until_at) ON link TO "@db@_municipality", "@db@_employer";

CREATE POLICY case_of_municipality ON link FOR SELECT TO "@db@_school"
    USING (split_part(source, ':', 1) IN ('municipality', 'service')
       AND (SELECT s.until_identified > now() FROM sight s
            WHERE s.seer = current_setting('spil.seer', true) AND s.student = link.student));
CREATE POLICY of_school_and_own_case ON link FOR SELECT TO "@db@_municipality"
    USING ((source = acting_party() OR split_part(source, ':', 1) = 'school')
       AND (SELECT s.until_identified > now() FROM sight s
            WHERE s.seer = current_setting('spil.seer', true) AND s.student = link.student));
CREATE POLICY of_school_and_municipality ON link FOR SELECT TO "@db@_employer"
    USING ((split_part(source, ':', 1) = 'school' OR split_part(source, ':', 1) IN ('municipality', 'service'))
       AND (SELECT s.until_given_name > now() FROM sight s
            WHERE s.seer = current_setting('spil.seer', true) AND s.student = link.student));
