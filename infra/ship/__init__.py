"""From sources to a deployed stack: zips, layer, template, change set; and what is audited on the way.

May import: `template`. Knows no emulator: where AWS is, is an argument.
"""
