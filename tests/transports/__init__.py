"""Tests of rtaudio.transports."""
