"""The OpenAPI document: made from the registered operations and from the schemas that requests are read with.

May come in: `api`'s routes, schemas and problems. No view imports it but the one that serves it.
"""
