-- What the database keeps up beside the facts changes by its own triggers and by nothing else: whoever writes it directly
-- is refused, as with the facts themselves. Inside a trigger `pg_trigger_depth()` is at least one.

CREATE TRIGGER kept_up BEFORE UPDATE OR DELETE ON compliance_days
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER kept_up BEFORE UPDATE OR DELETE ON compliance_months
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER kept_up BEFORE UPDATE OR DELETE ON exposure_months
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER kept_up BEFORE UPDATE OR DELETE ON impact_standing
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER kept_up BEFORE UPDATE OR DELETE ON premium_search
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER kept_up BEFORE UPDATE OR DELETE ON search_names
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_change();
