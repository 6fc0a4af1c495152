"""The part of the template that Chalice does not write, as data.

May come in: the registry of functions and the stages. Makes no call and writes no file.
"""
