"""Beside the flow: other people's systems, for the demonstration and the tests. Nothing here knows the hub; all speak over sockets."""
