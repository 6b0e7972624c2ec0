"""Beside the flow: what whoever writes a connector needs: a folder to begin with, checks that it must pass, and what a change of it would change."""
