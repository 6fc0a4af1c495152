"""Accept a run and fire it; cancel it, send it again; what is shown of it, how many a tenant may have.

May import: the registry, the service, `invoke_once`. Knows neither HTTP nor what wakes the service.
"""
