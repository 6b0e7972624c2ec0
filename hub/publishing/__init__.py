"""Beside the flow: what is published of the running application, beyond what schemas alone can say: who reads which topic, and examples."""
