"""Tests of the harness that users test their agents with."""
