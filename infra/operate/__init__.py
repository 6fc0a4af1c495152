"""What an operator does by hand, and what proves the roles: failed messages, secrets, least privilege.

May import: `ship`, `template`, `local`. Nothing else imports it.
"""
