"""Shared by the stages: prescribers and assets, checked when read, ready in memory for every decision."""
