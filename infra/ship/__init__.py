"""From sources to a deployed stack: zips, layer, template, change set; and what is audited on the way.

May come in: `template`. Knows no emulator: where AWS is, is an argument.
"""
