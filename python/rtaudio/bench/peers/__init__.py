"""``rtaudio-bench peers``: other frameworks with their own parts and with ours, in the same run.

`driver` runs in our environment and starts a process for each contender in the environment of its framework
(``make peers``); `livekit_session` and `pipecat_session` are those processes; `scenes` is what they hear, `outcome`
how it is scored.
"""
