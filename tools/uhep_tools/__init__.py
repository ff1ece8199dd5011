"""Host side of uhep: decode, store, show and provoke HEP v3 captures."""

__version__ = "0.1.0"
