"""Demonstrations, by the product's own means: a real job, and duplicate calls with real clients.

May import: `local`, `ship` and the public library. Nothing else imports it.
"""
