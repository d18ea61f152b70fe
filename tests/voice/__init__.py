"""Tests of the asyncio layer."""
