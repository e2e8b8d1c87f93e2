-- The oldest open confirmations, locked; others' are skipped. By the index in its order alone: a bitmap would visit every row that was
-- finished since the last vacuum, in every batch, where an ordered scan marks them dead and passes them by.
CREATE FUNCTION open_confirmations(most bigint) RETURNS SETOF raw LANGUAGE sql VOLATILE SET enable_bitmapscan = off AS $$
    SELECT * FROM raw
    WHERE state IN ('received', 'proved') AND state = 'received' AND source <> 'statement'
      AND (leased_until IS NULL OR leased_until < clock_timestamp())
    ORDER BY received_at, raw_id LIMIT most FOR UPDATE SKIP LOCKED
$$;
