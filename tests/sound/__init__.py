"""Tests of the real sound path, against a sound server of their own."""
