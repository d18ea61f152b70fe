"""Tests of rtaudio.web."""
