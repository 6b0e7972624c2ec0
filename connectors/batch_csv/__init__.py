"""Organisations that refer by a table: CSV or NDJSON files, a row a referral, each row answered by itself."""
