"""Tests of rtaudio.server."""
