"""Outcomes that Lambda itself reports: of functions nobody wrapped, and of attempts that died.

May import: the registry, the service, the library's moves. What Lambda sends is read defensively, in `reports`.
"""
