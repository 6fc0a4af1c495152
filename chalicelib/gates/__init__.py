"""What holds runs back: pauses and limits; who waits, and who is let through next.

May import: the registry, the service, `invoke_once`. Firing is handed in: nothing here knows how a run is fired.
"""
