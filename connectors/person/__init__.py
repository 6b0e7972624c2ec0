"""On the way out: people without a system, told by e-mail or by letter."""
