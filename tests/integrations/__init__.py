"""Plug-ins, as far as they go without the frameworks; inside them: tests/peers."""
