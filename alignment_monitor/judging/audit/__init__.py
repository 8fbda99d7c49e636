"""Auditing a judge: what is asked, what it is compared with, and the card that comes of it.

Here belong: pure steps from reference answers to a verdict on the judge. Commands, files and looks
belong to ``operations.audit``.
"""
