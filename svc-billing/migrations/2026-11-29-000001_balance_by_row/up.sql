-- Each look names one row, so that only its partition is opened.
CREATE OR REPLACE FUNCTION transfers_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    written record;
BEGIN
    FOR written IN SELECT workspace_id, id FROM fresh LOOP
        IF NOT EXISTS (SELECT FROM posting p WHERE p.workspace_id = written.workspace_id AND p.transfer_id = written.id) THEN
            PERFORM refuse_unbalanced(written.id, 0, 0, true);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION postings_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    written record;
    known boolean;
BEGIN
    FOR written IN
        SELECT workspace_id, transfer_id, count(*) AS lines, sum(amount_micro_pix) AS total FROM fresh GROUP BY 1, 2
    LOOP
        known := EXISTS (SELECT FROM transfer t WHERE t.workspace_id = written.workspace_id AND t.id = written.transfer_id);
        IF written.total <> 0 OR written.lines < 2 OR NOT known THEN
            PERFORM refuse_unbalanced(written.transfer_id, written.lines, written.total, known);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
