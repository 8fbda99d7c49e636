"""What Alembic runs: the migrations, on the connection that the caller gives.

Here belongs nothing else; ``store.database.upgrade`` is the only caller.
"""

from alembic import context

from alignment_monitor.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
