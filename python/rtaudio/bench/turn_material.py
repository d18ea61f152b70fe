"""Sentences of our own to fit the turn policy on, and how they are made into examples.

Each pair is (what may stand alone, how it goes on). Spoken alone the first part ends a turn; spoken together and cut in
the audio where the first part's words end, it does not. They are of every kind that callers use, so that no one melody
stands for "finished": questions by word order, questions with a question word, statements, requests, short answers.
"""

from __future__ import annotations

from typing import Final

__all__ = ["PAIRS"]

PAIRS: Final[tuple[tuple[str, str], ...]] = (
    # questions by word order
    ("Can you help me?", "with the invoice from last month?"),
    ("Is the shop open?", "on public holidays?"),
    ("Do you have a table?", "for four people tonight?"),
    ("Did they send the parcel?", "to my old address?"),
    ("Will it rain?", "before we get home?"),
    ("Have you seen my keys?", "anywhere near the door?"),
    ("Are there any seats left?", "in the second row?"),
    ("Should I bring a jacket?", "for the boat trip?"),
    ("Could we meet?", "a little earlier this time?"),
    ("Was the doctor there?", "when you called this afternoon?"),
    ("Does this train stop?", "at the airport as well?"),
    ("Would you like some tea?", "with a slice of lemon?"),
    ("May I change my order?", "before it leaves the kitchen?"),
    ("Is that your final price?", "including the delivery?"),
    # questions with a question word
    ("Where is the station?", "for the buses to the harbour?"),
    ("How much is the ticket?", "for two adults and a child?"),
    ("When does the film start?", "on the second of April?"),
    ("Who is in charge?", "of the lighting on stage?"),
    ("What is the number?", "of the office in Leeds?"),
    ("Why is my bill so high?", "compared to the one from winter?"),
    # statements
    ("I would like a coffee.", "and two of those rolls."),
    ("My name is Robert.", "Miller from the garden centre."),
    ("We moved to a new house.", "at the end of the summer."),
    ("The printer is broken.", "again and nobody knows why."),
    ("I lost my password.", "for the second time this week."),
    ("She works in a bakery.", "not far from the old bridge."),
    ("He called me yesterday.", "about the leaking roof."),
    ("I have a reservation.", "for seven o'clock under Baker."),
    ("They painted the kitchen.", "in a very bright yellow."),
    ("I need two more days.", "to finish the report."),
    ("My flight was cancelled.", "because of the storm in the north."),
    ("There is a problem.", "with the heating in room nine."),
    ("The children are asleep.", "or at least they pretend to be."),
    ("I think it was Tuesday.", "the day before the concert."),
    # requests
    ("Please send me the form.", "and a copy of the contract."),
    ("Turn off the lights.", "in the hallway and upstairs."),
    ("Call my brother.", "as soon as the meeting is over."),
    ("Book a room.", "with a view of the lake."),
    ("Play some music.", "from the nineteen eighties."),
    ("Remind me tomorrow.", "to water the plants on the balcony."),
    ("Give me a minute.", "while I look for my glasses."),
    ("Take the next street.", "on the left after the church."),
    # short answers
    ("Yes.", "but only in the morning."),
    ("No.", "that was my sister's account."),
    ("Yes please.", "if it is not too much trouble."),
    ("On Friday.", "after lunch if that suits you."),
    ("Maybe later.", "when I have talked to my wife."),
    ("Three.", "hundred and forty two."),
    ("That's right.", "as far as I remember."),
    ("I don't know.", "what the other one was called."),
    ("Nothing else.", "except a receipt for the taxi."),
    ("Of course.", "we can do that together."),
)
