-- One alert; `seq` is the order in which they were made. A body goes once it is not needed.
CREATE TABLE IF NOT EXISTS alerts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    event TEXT NOT NULL,
    target TEXT NOT NULL,
    tenant TEXT NOT NULL,
    finding TEXT NOT NULL,
    severity TEXT NOT NULL,
    was TEXT NOT NULL,
    subject TEXT NOT NULL,
    holder TEXT NOT NULL,
    made REAL NOT NULL,
    began REAL NOT NULL,
    link TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'refused', 'silent')),
    error TEXT NOT NULL DEFAULT '',
    done REAL,
    recorded INTEGER NOT NULL DEFAULT 0,
    confirmed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS alerts_by_target ON alerts (target, state, seq);
CREATE INDEX IF NOT EXISTS alerts_by_finding ON alerts (target, finding, seq);
