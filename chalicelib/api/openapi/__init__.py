"""The OpenAPI document: what stands beside each view and the schemas that requests are read with, put together.

answers.py  what answers hold    parts.py  what operations share    document.py  the whole

May import: `api`'s routes, schemas and problems. No view imports it but the one that serves it, when it is asked for.
"""
