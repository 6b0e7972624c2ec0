"""Beside the flow: what the people who run a hub ask it and tell it; behind the commands, no stage knows of it."""
