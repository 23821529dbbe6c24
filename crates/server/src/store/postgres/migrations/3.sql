-- Format 3: a record can be restricted instead of erased (S5; GDPR Art. 17(3)(e), 18): it stays as proof until its term
-- has ended, and is shown for a claim alone. `restricted_at` is when that was asked for.
ALTER TABLE askfirst.place ADD COLUMN IF NOT EXISTS restricted_at INT8;
