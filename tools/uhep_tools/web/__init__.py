"""The page of the capture server: calls, ladders, messages, quality, agents, logs.

Everything is made on the server from templates that escape what they show; a small script
fetches the same pages again when something came. There is nothing from elsewhere in it.
"""
