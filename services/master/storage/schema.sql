CREATE TABLE IF NOT EXISTS experiments (
    id                 TEXT PRIMARY KEY,
    name               TEXT NOT NULL,
    spec               TEXT NOT NULL,               -- ExperimentSpec as JSON
    description        TEXT,                        -- EnvironmentDescription as JSON, once a worker gave it
    status             TEXT NOT NULL,
    reason             TEXT NOT NULL DEFAULT '',
    created_at         TEXT NOT NULL,               -- UTC, ISO 8601
    finished_at        TEXT,
    -- the counters as of the last committed generation
    generation         INTEGER NOT NULL DEFAULT 0,
    environment_steps  INTEGER NOT NULL DEFAULT 0,
    elapsed_seconds    REAL NOT NULL DEFAULT 0,     -- time spent training, as TrainingClock counts it
    core_seconds       REAL NOT NULL DEFAULT 0,     -- how long slots worked, tests included
    best_test_return   REAL,
    best_generation    INTEGER,
    files_exact        INTEGER NOT NULL DEFAULT 0,  -- it has ended, and log.txt, scores.csv and plots say all of it
    note               TEXT NOT NULL DEFAULT '',    -- what people wrote about it
    archived           INTEGER NOT NULL DEFAULT 0   -- put away: lists leave it out unless they are asked for it
) STRICT;

-- The Idempotency-Key of a submission: the same one again gives the same experiment.
CREATE TABLE IF NOT EXISTS submissions (
    key                TEXT PRIMARY KEY,
    digest             TEXT NOT NULL,               -- SHA-256 of the specification
    experiment_id      TEXT NOT NULL REFERENCES experiments (id) ON DELETE CASCADE
) STRICT;

CREATE TABLE IF NOT EXISTS generations (
    experiment_id      TEXT NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    generation         INTEGER NOT NULL,            -- counted from 1
    record             TEXT NOT NULL,               -- GenerationRecord as JSON
    PRIMARY KEY (experiment_id, generation)
) STRICT, WITHOUT ROWID;

-- Studies, and which experiment is which run of one. A run that could not be begun has a reason instead.
CREATE TABLE IF NOT EXISTS studies (
    id                 TEXT PRIMARY KEY,
    spec               TEXT NOT NULL,               -- StudySpec as JSON
    status             TEXT NOT NULL,               -- active, completed or stopped
    reason             TEXT NOT NULL DEFAULT '',
    created_at         TEXT NOT NULL,
    finished_at        TEXT,
    key                TEXT                         -- the Idempotency-Key of its submission
) STRICT;

CREATE TABLE IF NOT EXISTS study_runs (
    study_id           TEXT NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
    trial              INTEGER NOT NULL,
    seed               INTEGER NOT NULL,
    experiment_id      TEXT,
    reason             TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (study_id, trial, seed)
) STRICT, WITHOUT ROWID;

-- Which kinds of machine an experiment's numbers come from, and which one it is bound to (determinism: strict).
CREATE TABLE IF NOT EXISTS fingerprints (
    experiment_id      TEXT NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    fingerprint        TEXT NOT NULL,
    generation         INTEGER NOT NULL,            -- the first that it contributed to; 0: bound before any
    PRIMARY KEY (experiment_id, fingerprint)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS tests (
    experiment_id      TEXT NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    generation         INTEGER NOT NULL,
    record             TEXT NOT NULL,               -- TestRecord as JSON
    PRIMARY KEY (experiment_id, generation)
) STRICT, WITHOUT ROWID;

-- What the rollouts of a generation came to, where checkpoints are too large to be written after every one: the
-- generations since the last checkpoint are learnt again from these, without a worker.
CREATE TABLE IF NOT EXISTS results (
    experiment_id      TEXT NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    generation         INTEGER NOT NULL,
    frame              BLOB NOT NULL,               -- with a checksum of its own
    PRIMARY KEY (experiment_id, generation)
) STRICT;

CREATE TABLE IF NOT EXISTS checkpoints (
    experiment_id      TEXT NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    generation         INTEGER NOT NULL,
    file               TEXT NOT NULL,               -- name inside the experiment's folder of checkpoints
    version            INTEGER NOT NULL,
    length             INTEGER NOT NULL,            -- bytes
    sha256             TEXT NOT NULL,
    PRIMARY KEY (experiment_id, generation)
) STRICT, WITHOUT ROWID;

-- Evaluations and films that were asked for: they outlive the master, and what is unfinished is done anew.
CREATE TABLE IF NOT EXISTS jobs (
    number             INTEGER PRIMARY KEY AUTOINCREMENT,
    experiment_id      TEXT NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    kind               TEXT NOT NULL,               -- evaluation or video
    request            TEXT NOT NULL,               -- JobRequest as JSON
    status             TEXT NOT NULL,               -- pending, running, done or failed
    reason             TEXT NOT NULL DEFAULT '',    -- why it failed
    result             TEXT,                        -- JobResult as JSON
    created_at         TEXT NOT NULL,               -- UTC, ISO 8601
    finished_at        TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS jobs_of_experiment ON jobs (experiment_id);
