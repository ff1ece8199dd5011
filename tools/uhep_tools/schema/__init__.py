"""The steps of the database schema, numbered SQL files: see database.py."""
