"""How bytes move, knowing no event and no format: HTTP, MLLP, webhooks, Kafka."""
