"""Ways in which audio comes to a port and leaves it. Each is a module of its own, imported when it is used.

``rtaudio.transports.sound``: the microphone and the loudspeaker of this machine.
"""
