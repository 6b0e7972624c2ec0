"""Beside the flow: the demonstration of a whole hub, its directory and its stand-ins; the stand-ins import nothing of hub."""
