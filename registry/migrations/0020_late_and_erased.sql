-- why    who is erased leaves nobody late: what was overdue about them is overdue no more
-- locks  due, briefly, for its trigger
-- undo   DROP TRIGGER due_erased ON due; DROP FUNCTION due_erased
--
-- An overdue item names no young person, so that nothing else could find it.

SET LOCAL ROLE "@db@_keeper";
CREATE FUNCTION due_erased() RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $due$
BEGIN
    UPDATE overdue o SET cleared_at = now() WHERE o.id = OLD.overdue AND o.cleared_at IS NULL;
    RETURN NULL;
END
$due$;
RESET ROLE;
CREATE TRIGGER due_erased AFTER DELETE ON due FOR EACH ROW WHEN (OLD.overdue IS NOT NULL) EXECUTE FUNCTION due_erased();
SET LOCAL ROLE "@db@_keeper";
REVOKE ALL ON FUNCTION due_erased() FROM PUBLIC;
RESET ROLE;
