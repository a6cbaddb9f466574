"""The database's tables, as the newest migration leaves them.

Which rows an index is of stands here in SQLite's word alone, and `schema` says it in that of
the database at hand: SQLAlchemy reads a dialect (28 ms of a start) as soon as its word is used.
"""

from typing import Final

import sqlalchemy as sql

HEAD: Final = "0010"
"""The newest migration; a test compares it with the migrations themselves."""

metadata: Final = sql.MetaData()

organisations: Final = sql.Table(
    "organisations",
    metadata,
    sql.Column("id", sql.String(40), primary_key=True),
    sql.Column("name", sql.String(200), nullable=False),
    sql.Column("created_at", sql.BigInteger, nullable=False),
)

projects: Final = sql.Table(
    "projects",
    metadata,
    sql.Column("id", sql.String(40), primary_key=True),
    sql.Column(
        "organisation_id",
        sql.String(40),
        sql.ForeignKey("organisations.id"),
        nullable=False,
        index=True,
    ),
    sql.Column("name", sql.String(200), nullable=False),
    sql.Column("created_at", sql.BigInteger, nullable=False),
    sql.Column("archived_at", sql.BigInteger, nullable=True),
    sql.Column("residency", sql.String(200), nullable=True),
    sql.Column("models", sql.Text, nullable=True),
    sql.Column("limits", sql.Text, nullable=True),
    sql.Column("budget_micros", sql.BigInteger, nullable=True),
    sql.Column("providers", sql.Text, nullable=True),
)
"""`models` and `providers` are JSON arrays, `limits` is the JSON of `accounts.limits.Limits`;
null: no bound. The budget is for a calendar month in UTC, in millionths of the ledger's
currency."""

keys: Final = sql.Table(
    "keys",
    metadata,
    sql.Column("id", sql.String(40), primary_key=True),
    sql.Column("name", sql.String(200), nullable=False),
    sql.Column("digest", sql.LargeBinary(32), nullable=False, unique=True),
    sql.Column("hint", sql.String(16), nullable=False),
    sql.Column("created_at", sql.BigInteger, nullable=False),
    sql.Column("revoked_at", sql.BigInteger, nullable=True),
    sql.Column("residency", sql.String(200), nullable=True),
    sql.Column("blind", sql.String(20), nullable=True),
    sql.Column("project_id", sql.String(40), nullable=False, index=True),
    sql.Column("expires_at", sql.BigInteger, nullable=True),
    sql.Column("models", sql.Text, nullable=True),
    sql.Column("limits", sql.Text, nullable=True),
    sql.Column("is_admin", sql.Boolean, nullable=False, server_default=sql.false()),
    sql.Column("providers", sql.Text, nullable=True),
)
"""`project_id` names a row of `projects`; it is empty for the keys of administrators."""

usage_records: Final = sql.Table(
    "usage_records",
    metadata,
    sql.Column("id", sql.String(40), primary_key=True),
    sql.Column("began_at", sql.BigInteger, nullable=False),
    sql.Column("ended_at", sql.BigInteger, nullable=True),
    sql.Column("lease_until", sql.BigInteger, nullable=True),
    sql.Column("node", sql.String(40), nullable=False),
    sql.Column("key_id", sql.String(40), nullable=False),
    sql.Column("project_id", sql.String(40), nullable=False),
    sql.Column("model", sql.String(200), nullable=False),
    sql.Column("provider", sql.String(200), nullable=True),
    sql.Column("region", sql.String(100), nullable=True),
    sql.Column("status", sql.Integer, nullable=True),
    sql.Column("attempts", sql.Integer, nullable=False, server_default="0"),
    sql.Column("input_tokens", sql.BigInteger, nullable=False, server_default="0"),
    sql.Column("output_tokens", sql.BigInteger, nullable=False, server_default="0"),
    sql.Column("cached_tokens", sql.BigInteger, nullable=False, server_default="0"),
    sql.Column("reasoning_tokens", sql.BigInteger, nullable=False, server_default="0"),
    sql.Column("image_tokens", sql.BigInteger, nullable=False, server_default="0"),
    sql.Column("video_tokens", sql.BigInteger, nullable=False, server_default="0"),
    sql.Column("document_tokens", sql.BigInteger, nullable=False, server_default="0"),
    sql.Column("images", sql.Integer, nullable=False, server_default="0"),
    sql.Column("is_estimated", sql.Boolean, nullable=False, server_default=sql.false()),
    sql.Column("held_micros", sql.BigInteger, nullable=False, server_default="0"),
    sql.Column("cost_micros", sql.BigInteger, nullable=False, server_default="0"),
    sql.Index(
        "ix_usage_records_lease_until",
        "lease_until",
        sqlite_where=sql.text("lease_until IS NOT NULL"),
    ),
)
"""One row a request that asked a model: held while `lease_until` is set, settled once it is
null. Times in milliseconds since 1970; amounts in millionths of the ledger's currency."""

SUMS: Final = (
    "requests",
    "failed",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "image_tokens",
    "video_tokens",
    "document_tokens",
    "images",
    "cost_micros",
)
"""What is added up, of the records of an hour."""

usage_hours: Final = sql.Table(
    "usage_hours",
    metadata,
    sql.Column("hour", sql.BigInteger, primary_key=True),
    sql.Column("project_id", sql.String(40), primary_key=True),
    sql.Column("key_id", sql.String(40), primary_key=True),
    sql.Column("model", sql.String(200), primary_key=True),
    sql.Column("provider", sql.String(200), primary_key=True),
    sql.Column("region", sql.String(100), primary_key=True),
    *(sql.Column(name, sql.BigInteger, nullable=False) for name in SUMS),
)
"""What was settled, by hours; `hour` is its first second since 1970."""

budgets: Final = sql.Table(
    "budgets",
    metadata,
    sql.Column("project_id", sql.String(40), primary_key=True),
    sql.Column("month", sql.String(7), primary_key=True),
    sql.Column("spent_micros", sql.BigInteger, nullable=False),
    sql.Column("held_micros", sql.BigInteger, nullable=False),
)
"""What a project has spent in a month, and what questions under way may yet cost."""

blobs: Final = sql.Table(
    "blobs",
    metadata,
    sql.Column("address", sql.String(64), primary_key=True),
    sql.Column("owner", sql.String(40), nullable=False, index=True),
    sql.Column("size_bytes", sql.BigInteger, nullable=False),
)
"""Contents on disk: one for all equal files of an owner."""

files: Final = sql.Table(
    "files",
    metadata,
    sql.Column("id", sql.String(40), primary_key=True),
    sql.Column("owner", sql.String(40), nullable=False),
    sql.Column(
        "address", sql.String(64), sql.ForeignKey("blobs.address"), nullable=False, index=True
    ),
    sql.Column("digest", sql.LargeBinary(32), nullable=False),
    sql.Column("size_bytes", sql.BigInteger, nullable=False),
    sql.Column("filename", sql.Text, nullable=False),
    sql.Column("content_type", sql.Text, nullable=True),
    sql.Column("purpose", sql.String(40), nullable=False),
    sql.Column("created_at", sql.BigInteger, nullable=False),
    sql.Column("expires_at", sql.BigInteger, nullable=True, index=True),
    sql.Index("ix_files_owner_id", "owner", "id"),
)

ledger_batches: Final = sql.Table(
    "ledger_batches",
    metadata,
    sql.Column("name", sql.String(80), primary_key=True),
    sql.Column("written_at", sql.BigInteger, nullable=False),
)
"""Which batches of entries have been written, so that none is written twice."""

jobs: Final = sql.Table(
    "jobs",
    metadata,
    sql.Column("id", sql.String(40), primary_key=True),
    sql.Column("project_id", sql.String(40), nullable=False, index=True),
    sql.Column("key_id", sql.String(40), nullable=False),
    sql.Column("route", sql.String(100), nullable=False),
    sql.Column("status", sql.String(20), nullable=False),
    sql.Column("created_at", sql.BigInteger, nullable=False),
    sql.Column("started_at", sql.BigInteger, nullable=True),
    sql.Column("ended_at", sql.BigInteger, nullable=True),
    sql.Column("expires_at", sql.BigInteger, nullable=False, index=True),
    sql.Column("priority", sql.Integer, nullable=False, server_default="0"),
    sql.Column("due_at", sql.BigInteger, nullable=True),
    sql.Column("lease", sql.String(40), nullable=True, index=True),
    sql.Column("losses", sql.Integer, nullable=False, server_default="0"),
    sql.Column("batch_id", sql.String(40), nullable=True),
    sql.Column("line", sql.Integer, nullable=True),
    sql.Column("custom_id", sql.Text, nullable=True),
    sql.Column("status_code", sql.Integer, nullable=True),
    sql.Column("request_id", sql.String(40), nullable=True),
    sql.Column("request_bytes", sql.BigInteger, nullable=False),
    sql.Column("request_headers", sql.Text, nullable=False),
    sql.Column("response_headers", sql.Text, nullable=True),
    sql.Column("request", sql.LargeBinary, nullable=True),
    sql.Column("result", sql.LargeBinary, nullable=True),
    sql.Index("ix_jobs_batch_id_line", "batch_id", "line"),
    sql.Index(
        "ix_jobs_due",
        "priority",
        "due_at",
        sqlite_where=sql.text("due_at IS NOT NULL"),
    ),
    sql.Index(
        "ix_jobs_open",
        "priority",
        "status",
        "created_at",
        sqlite_where=sql.text("due_at IS NOT NULL"),
    ),
)
"""Requests that are answered later. `due_at` says when somebody may take the job: the end of
its lease while somebody has it, null where nobody may. `request` is gone when the job has
ended, `result` when it expires. Times in milliseconds since 1970."""

batches: Final = sql.Table(
    "batches",
    metadata,
    sql.Column("id", sql.String(40), primary_key=True),
    sql.Column("project_id", sql.String(40), nullable=False),
    sql.Column("key_id", sql.String(40), nullable=False),
    sql.Column("status", sql.String(20), nullable=False),
    sql.Column("endpoint", sql.String(100), nullable=False),
    sql.Column("input_file_id", sql.String(40), nullable=False),
    sql.Column("output_file_id", sql.String(40), nullable=True),
    sql.Column("error_file_id", sql.String(40), nullable=True),
    sql.Column("metadata", sql.Text, nullable=True),
    sql.Column("errors", sql.Text, nullable=True),
    sql.Column("times", sql.Text, nullable=False),
    sql.Column("created_at", sql.BigInteger, nullable=False),
    sql.Column("expires_at", sql.BigInteger, nullable=False),
    sql.Column("due_at", sql.BigInteger, nullable=True, index=True),
    sql.Column("lease", sql.String(40), nullable=True),
    sql.Column("total", sql.Integer, nullable=False, server_default="0"),
    sql.Column("completed", sql.Integer, nullable=False, server_default="0"),
    sql.Column("failed", sql.Integer, nullable=False, server_default="0"),
    sql.Column("traceparent", sql.String(60), nullable=True),
    sql.Column("output_expires_after_s", sql.Integer, nullable=True),
    sql.Index("ix_batches_project_id_id", "project_id", "id"),
)
"""Files of requests; each of their lines is a row of `jobs` until the batch has ended.
`metadata` and `errors` are JSON, and so is `times`: for each state that the batch has been in,
since when. `traceparent` names the request that made it. Times in milliseconds since 1970."""

webhook_secrets: Final = sql.Table(
    "webhook_secrets",
    metadata,
    sql.Column("id", sql.String(40), primary_key=True),
    sql.Column("project_id", sql.String(40), nullable=False, index=True),
    sql.Column("secret", sql.String(80), nullable=False),
    sql.Column("created_at", sql.BigInteger, nullable=False),
    sql.Column("expires_at", sql.BigInteger, nullable=True),
)
"""What signs the webhooks of a project; null: until there is another. Seconds since 1970."""

deliveries: Final = sql.Table(
    "deliveries",
    metadata,
    sql.Column("id", sql.String(40), primary_key=True),
    sql.Column("subject_id", sql.String(40), nullable=False, unique=True),
    sql.Column("project_id", sql.String(40), nullable=False),
    sql.Column("url", sql.Text, nullable=False),
    sql.Column("origin", sql.String(300), nullable=False),
    sql.Column("status", sql.String(20), nullable=False),
    sql.Column("event", sql.String(40), nullable=True),
    sql.Column("happened_at", sql.BigInteger, nullable=True),
    sql.Column("due_at", sql.BigInteger, nullable=True, index=True),
    sql.Column("lease", sql.String(40), nullable=True),
    sql.Column("attempts", sql.Integer, nullable=False, server_default="0"),
    sql.Column("status_code", sql.Integer, nullable=True),
    sql.Column("fault", sql.String(40), nullable=True),
    sql.Column("ended_at", sql.BigInteger, nullable=True),
    sql.Column("known_until", sql.BigInteger, nullable=False, index=True),
)
"""Webhooks for the ends of jobs and batches; `due_at` as in `jobs`. Times in milliseconds since
1970."""
