"""Functions deployed with the service: the samples, and yours.

One module a function, with a `handler(event, context)`; functions.toml says which are deployed, and with
which limits. A module here may import `invoke_once` and what lies beside it, never the service around it.
"""
