"""Plug-ins inside the real frameworks, in the environments that `make peers` makes; elsewhere they skip."""
