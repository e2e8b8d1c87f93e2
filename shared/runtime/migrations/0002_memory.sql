-- What the check at start, the inbox's pruning and the replay of recorded days need (DESIGN sections 4 and 5).

-- Once a day: where every input stood, and where it ended. Ids are forgotten only by these notes, never by age alone
-- (protocol.md row 21). Everything before the positions of the last pruned note was handled, and its ids are forgotten.
CREATE TABLE rt_inbox_day (
    day       date PRIMARY KEY,
    -- "topic/partition" -> next offset to handle
    positions jsonb NOT NULL,
    -- "topic/partition" -> the end of the input
    ends      jsonb NOT NULL,
    pruned    boolean NOT NULL DEFAULT false
);

-- What each partition did, in order: a day can be run again exactly as it was. Consecutive batches of one topic are one row.
CREATE TABLE rt_step (
    id          bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    -- -1: the whole service
    partition   integer NOT NULL,
    -- batch: [from_offset, next_offset) of the topic. parked: the record at from_offset was parked unhandled, it aborts the
    -- process. opened, page, closed: of the day. redrive: of a parked key.
    kind        text NOT NULL CHECK (kind IN ('batch', 'parked', 'opened', 'page', 'closed', 'redrive')),
    topic       text,
    -- absent: from the topic's first record
    from_offset bigint,
    next_offset bigint,
    -- transactions that this row stands for
    times       bigint NOT NULL DEFAULT 1,
    sequence    bigint,
    key         uuid,
    -- what the clock said, where a step asked it
    at          timestamptz
) WITH (fillfactor = 70);
CREATE INDEX rt_step_partition ON rt_step (partition, id);

-- Recorded where the lease row moves, in the same transaction and without a statement of its own from the service: whatever
-- moves a position is recorded, and a batch pays no round trip for it.
CREATE FUNCTION rt_record_step() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved  record;
    closes text;
BEGIN
    FOR moved IN
        SELECT n.key AS topic, (OLD.positions ->> n.key)::bigint AS was, n.value::bigint AS stands
        FROM jsonb_each_text(NEW.positions) n
        WHERE (OLD.positions ->> n.key) IS DISTINCT FROM n.value
        ORDER BY n.key
    LOOP
        UPDATE rt_step SET next_offset = moved.stands, times = times + 1
        WHERE id = (SELECT max(id) FROM rt_step WHERE partition = NEW.partition)
          AND kind = 'batch' AND topic = moved.topic AND next_offset = moved.was;
        IF NOT FOUND THEN
            INSERT INTO rt_step (partition, kind, topic, from_offset, next_offset)
            VALUES (NEW.partition, 'batch', moved.topic, moved.was, moved.stands);
        END IF;
    END LOOP;
    IF NEW.closing_sequence IS NOT DISTINCT FROM OLD.closing_sequence AND NEW.closing_page = OLD.closing_page THEN
        RETURN NULL;
    END IF;
    closes := CASE WHEN NEW.closing_sequence IS NULL THEN 'closed'
                   WHEN NEW.closing_sequence IS DISTINCT FROM OLD.closing_sequence THEN 'opened'
                   ELSE 'page' END;
    UPDATE rt_step SET times = times + 1
    WHERE id = (SELECT max(id) FROM rt_step WHERE partition = NEW.partition)
      AND kind = 'page' AND closes = 'page' AND sequence = NEW.closing_sequence;
    IF NOT FOUND THEN
        INSERT INTO rt_step (partition, kind, sequence)
        VALUES (NEW.partition, closes, coalesce(NEW.closing_sequence, OLD.closing_sequence));
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER rt_record_step AFTER UPDATE OF positions, closing_sequence, closing_page ON rt_lease
FOR EACH ROW WHEN (OLD.positions IS DISTINCT FROM NEW.positions
    OR OLD.closing_sequence IS DISTINCT FROM NEW.closing_sequence
    OR OLD.closing_page IS DISTINCT FROM NEW.closing_page)
EXECUTE FUNCTION rt_record_step();
