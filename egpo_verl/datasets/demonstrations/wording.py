"""The sentences of a thought, each in many wordings.

The variety is the point: a cold start on one wording would leave the thought without entropy, and
reinforcement learning without anything to explore.
"""

from __future__ import annotations

OPENINGS = (
    "The user asks: {question}",
    "The request: {question}",
    "What is asked: {question}",
    "I read: {question}",
    "The question is {question}",
    "I am asked {question}",
    "So, {question}",
)
GOING_ON = (
    "I have the results so far.",
    "Some results are there; there is more to do.",
    "The dialogue goes on from the last result.",
    "With the last result I can go on.",
    "Next step, after the last result.",
)
PICKS = (
    "{tool} does this: {about}.",
    "The function for it is {tool}: {about}.",
    "I use {tool}, which says: {about}.",
    "{tool} fits, since it is for this: {about}.",
    "{about}: that is {tool}.",
    "This calls for {tool} ({about}).",
    "For this there is {tool}: {about}.",
)
PLAIN_PICKS = (
    "{tool} does this.",
    "The function for it is {tool}.",
    "I use {tool}.",
    "{tool} fits.",
    "This calls for {tool}.",
)
REPEATS = (
    "Another call of {tool}.",
    "{tool} once more.",
    "{tool} is needed again.",
    "Again {tool}.",
    "One more {tool}.",
)
OTHERS = (
    "{tool} does not fit, it is for {about}.",
    "Not {tool}: {about}.",
    "{tool} is for something else ({about}).",
    "{tool} would be for {about}, which is not asked.",
    "I do not need {tool} ({about}).",
    "{tool} is no help here: {about}.",
)
MORE_OTHERS = (
    "The rest do not fit either.",
    "Nor does anything else here.",
    "What is left is for other things.",
    "I leave the rest aside.",
    "And so on: {count} in all that do not fit.",
)
COUNTS = (
    "That takes {count} calls.",
    "I need {count} calls.",
    "There are {count} things to call.",
    "{count} calls answer it.",
)
QUESTION = (
    '{name} is {value}, from "{quote}".',
    '"{quote}" gives {name} {value}.',
    '{name}: {value} ("{quote}").',
    'It says "{quote}", so {name} is {value}.',
    'From "{quote}" I take {name} {value}.',
    'For {name} it says "{quote}": {value}.',
    'With "{quote}", {name} must be {value}.',
)
RESULT = (
    '{name} is {value}, which the result has: "{quote}".',
    'The result says "{quote}", so {name} is {value}.',
    'From the result, "{quote}", comes {name} {value}.',
    '{name}: {value}, by the result ("{quote}").',
)
EARLIER = (
    '{name} is {value}; "{quote}" was said before.',
    'Before, it said "{quote}", so {name} is {value}.',
    '"{quote}", from earlier, gives {name} {value}.',
    '{name}: {value}, as said earlier ("{quote}").',
)
DEFAULT = (
    "{name} is {value}, its default.",
    "{name} keeps its default {value}.",
    "Nothing else is said of {name}, so {value}, the default.",
    "By default {name} is {value}.",
)
CHOICE = (
    "{name} can only be {value}.",
    "{name} has one choice, {value}.",
    "The only {name} is {value}.",
)
LEFT_OUT = (
    "{names} can be left out.",
    "Nothing is said of {names}, so I leave that out.",
    "I leave {names} to the default.",
    "{names}: not asked for, left to the default.",
    "Without {names}, the default holds.",
)
NO_VALUES = ("It takes no values.", "There is nothing to fill in.", "No argument is needed.")
NONE_FITS = (
    "None of the functions does that.",
    "No function here fits.",
    "The functions are for other things.",
    "That is beyond these functions.",
    "I see no function for it.",
)
LACKING = (
    "{tool} could do it, but it needs {name}, and that is not said.",
    "But {name} is missing, which {tool} requires.",
    "{tool} requires {name}; the question has none.",
    "Without {name} I cannot call {tool}.",
)
REFUSALS = (
    "None of the functions fits this question.",
    "Sorry, no function here can do that.",
    "I have no function for this.",
    "I cannot do that with the functions at hand.",
    "There is no function here that answers this.",
)
QUERIES = (
    "Please tell me the {name}.",
    "I need the {name} for that.",
    "Which {name} should I use?",
    "The {name} is missing, please give it.",
)
