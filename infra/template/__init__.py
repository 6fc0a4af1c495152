"""The part of the template that Chalice does not write, as data.

May import: the registry of functions and the stages. Makes no call and writes no file.
"""
