"""Direct invocations (a rule, a queue, S3, an SDK, a person): each registers itself as a run.

May import: what `handler` may, and `handler` itself. Loaded only when an event carries no run.
"""
