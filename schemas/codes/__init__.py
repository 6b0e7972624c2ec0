"""Read wherever a code is met in the flow: the code lists, data files with the source of each, and typed access to them."""
