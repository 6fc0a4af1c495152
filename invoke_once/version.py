"""The version of the library and of the service, which are released together."""

__version__ = "0.2.0"
