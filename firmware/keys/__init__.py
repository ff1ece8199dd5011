"""The keys of device.json, a module for each personality.

A module that a personality is named after has `KEYS`, a dict of key: (default, allowed). What
is `allowed` depends on the default: of a string the allowed ones or None for any, of a whole
number the least and the most, of true or false None. A function instead, of any default,
returns what would be right for a value that is wrong, or None. Modules that start with an
underscore are shared by several.
"""
