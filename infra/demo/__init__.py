"""Demonstrations, by the product's own means: a real job, and duplicate calls with real clients.

May come in: `local`, `ship` and the public library. Nothing else imports it.
"""
