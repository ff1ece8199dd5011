"""Stand-ins for what the device has, for both interpreters."""


def raises(error, function, *args):
    """Calls function(*args), which must raise `error`; returns the error's text."""
    try:
        function(*args)
    except error as raised:
        return str(raised)
    raise AssertionError("did not raise " + error.__name__)
