"""Beside the flow: who may do what: clients, keys, scopes, access rules."""
