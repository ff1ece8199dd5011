"""The third-party programs that HEP is proven against, one module each.

Every instance has its own folder and free ports, and ends with its `with` block.
"""
