"""Judging by the Batch API: half the price, collected later.

Here belong: one module for each step. ``run`` leads; ``ledger`` keeps what is under way in the
store, ``files`` and ``provider`` reach the server, ``collect`` reads results, ``stop`` ends cleanly
and ``recheck`` tells which days have something to collect.
"""
