"""Beside the flow: a real PostgreSQL and a real Kafka as child processes, for a hub that was given neither address."""
