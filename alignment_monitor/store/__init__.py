"""The operational store: small, concurrent, transactional state; SQLite or PostgreSQL.

Here belong: the tables, their migrations, and how the store is opened and written. Here does not
belong: what the rows mean to judging (journal) or to alerting (lifecycle, outbox).
"""

from alignment_monitor.store.database import StoreError, is_there, open_store, transaction

__all__ = ["StoreError", "is_there", "open_store", "transaction"]
