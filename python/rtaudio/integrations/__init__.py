"""Parts of rtaudio as plug-ins of other frameworks: `livekit_agents` for LiveKit Agents, `pipecat` for Pipecat.

Each module imports its framework, so import the one you need; without the framework it raises `MissingPackageError`,
which says what to install. What they share is in `hearing` and needs no framework.
"""
