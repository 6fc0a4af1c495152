"""Tell a run's end to its receiver: which URLs, signed how, sent when, tried again when; and the log of it.

May import: `runs` (the document that is sent). Nothing here moves a run but by the moves of its callback.
"""
