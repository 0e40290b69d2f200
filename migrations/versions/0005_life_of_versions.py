"""The life of a model's version: checked, backtested, active from now on, standing by.

Stage: pre deployment; the release before neither reads nor writes what is added.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
OF_GENERATIONS = ("base", "since", "engine", "standby_until")
TEXTS_OF_GENERATIONS = ("stage_map", "hash")
OF_VERSIONS = ("validated_at", "backtested_at")

HASHES = """
UPDATE generations SET engine = 1, hash = (SELECT model_versions.hash FROM model_versions
WHERE model_versions.tenant = generations.tenant AND model_versions.model = generations.model
AND model_versions.version = generations.version)
"""


def upgrade() -> None:
    """Add the columns; what is stored so far was checked before it was stored."""
    for name in OF_GENERATIONS:
        op.add_column("generations", sa.Column(name, WHOLE, nullable=True))
    for name in TEXTS_OF_GENERATIONS:
        op.add_column("generations", sa.Column(name, TEXT, nullable=True))
    for name in OF_VERSIONS:
        op.add_column("model_versions", sa.Column(name, WHOLE, nullable=True))
    op.execute(HASHES)
    op.execute("UPDATE model_versions SET validated_at = created_at")


def downgrade() -> None:
    """Take them away again; no event is touched."""
    for name in OF_VERSIONS:
        op.drop_column("model_versions", name)
    for name in (*TEXTS_OF_GENERATIONS, *OF_GENERATIONS):
        op.drop_column("generations", name)
