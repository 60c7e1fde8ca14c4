"""The sentences of the demo's little world: openings, troubles, help, thanks, harm, moods and endings.

Everything here is our own writing. `{H}` is the hero, `{F}` the friend, `{k}` and `{fk}` their kinds, `{t}` the thing,
`{p}` the place; square brackets mark the part by which the event is recognised (`demo_utility`), and are not printed.
Long because it is a list.
"""

DAYS = (
    "one morning",
    "one evening",
    "on a windy day",
    "on a rainy day",
    "in the spring",
    "after a long winter",
    "before breakfast",
    "on market day",
    "in the middle of summer",
    "late at night",
)

LOOKS = (
    "a small",
    "a shy",
    "a clever",
    "an old",
    "a merry",
    "a round",
    "a careful",
    "a grey",
    "a sleepy",
    "a curious",
)

OPENINGS = (
    "{H} the {k} lived {at_p}.",
    "{H} the {k} went {to_p}.",
    "{H} the {k} sat {at_p}.",
    "{H} the {k} ran {to_p} {day}.",
    "{H} the {k} was alone {at_p}.",
    "{H} the {k} worked {at_p} all day.",
    "{H} the {k} woke up {at_p} {day}.",
    "{H} the {k} came {to_p} {day}.",
    "{H} was {look} {k} and lived {at_p}.",
    "{H} was {look} {k} who loved to be {at_p}.",
)

THING_INTROS = (
    "{H} carried {adj_t}.",
    "{H} had {adj_t}.",
    "The {k} owned {adj_t}.",
    "The {k} had found {adj_t} in the grass.",
    "The {k} never went out without {adj_t}.",
    "The {k} had made {adj_t} all alone.",
    "The {k} had {adj_t} from an old sailor.",
    "{H} had brought {adj_t} that day.",
)

TROUBLE: dict[str, tuple[str, ...]] = {
    "lost": (
        "{H} met {F} the {fk}, who [could not find the way] home.",
        "Then {F} the {fk} [got lost in the mist].",
        "{F} the {fk} had taken a wrong turn and [did not know the way].",
    ),
    "dark": (
        "When the sun went down, {F} the {fk} [was afraid of the dark].",
        "{F} the {fk} [heard noises in the dark] and could not sleep.",
        "Then every light went out, and {F} the {fk} [hid under the bed].",
    ),
    "cold": (
        "{H} found {F} the {fk}, [wet and shivering].",
        "{F} the {fk} had fallen in the water and [was cold to the bone].",
        "Then it began to rain, and {F} the {fk} [had no coat].",
    ),
    "hungry": (
        "{F} the {fk} [had eaten nothing] since yesterday.",
        "{H} met {F} the {fk}, who [was so hungry].",
        "{F} the {fk} looked in the cupboard, but [it was empty].",
    ),
    "stuck": (
        "Suddenly {F} the {fk} [fell into a deep hole].",
        "{F} the {fk} was behind a rock and [could not get out].",
        "{F} the {fk} [had slipped into the well] and called for help.",
    ),
    "sad": (
        "{F} the {fk} [sat alone and cried].",
        "Nobody [had come to the party] of {F} the {fk}.",
        "{F} the {fk} [had lost a dear friend] and would not speak.",
    ),
    "broken": (
        "That night a storm [broke the door] of {F} the {fk}.",
        "{F} the {fk} leaned on the fence, and [it fell to pieces].",
        "The cart of {F} the {fk} [had lost a wheel].",
    ),
    "quarrel": (
        "{F} the {fk} [wanted the {t} too], and they both pulled.",
        '"[That {t} is mine]," said {F} the {fk}.',
        "{F} the {fk} [grew angry about the {t}] and stamped.",
    ),
    "far": (
        "{F} the {fk} called from the far side and [could not come over].",
        "The water rose, and {F} the {fk} [was cut off] from home.",
        "The path was gone, and {F} the {fk} [stood on the other side].",
    ),
    "tired": (
        "{F} the {fk} [carried a heavy sack] and could hardly walk.",
        "{H} met {F} the {fk}, who [was too tired] to go on.",
        "{F} the {fk} had worked all night and [could not stand up].",
    ),
}

HELP: dict[str, tuple[str, ...]] = {
    "lost": (
        '{H} said, "I know these paths," and [went with {F} to the door].',
        "{H} looked for the stars and [led {F} home].",
    ),
    "dark": (
        "{H} sat down close by and [kept watch until sunrise].",
        '{H} looked under the bed and said, "[There is nothing here]."',
    ),
    "cold": (
        "{H} made a fire and [let {F} sit nearest].",
        "{H} ran home and [came back with dry clothes].",
    ),
    "hungry": (
        "{H} picked nuts and berries and [shared them with {F}].",
        "{H} cooked a pot of soup and [filled {F}'s bowl first].",
    ),
    "stuck": (
        "{H} dug all afternoon until {F} [was free].",
        "{H} lay down flat, reached out and [pulled {F} out].",
    ),
    "sad": (
        "{H} sat down beside {F} and [listened for a long time].",
        "{H} made funny faces until {F} [laughed again].",
    ),
    "broken": (
        "{H} fetched wood and nails and [helped {F} mend it].",
        "Together they worked all day, and then [it was whole again].",
    ),
    "quarrel": (
        'Then {H} let go and said, "[I am sorry]."',
        '{H} thought about it and said, "[You may have it today]."',
    ),
    "far": (
        "{H} pushed a log into place and [helped {F} over].",
        "{H} put stones in a row so that {F} [could hop across].",
    ),
    "tired": (
        "{H} took the load and [walked ahead of {F}].",
        '{H} said, "Rest here," and [did the work alone].',
    ),
}

ASKING = (
    '"Can you help me?" asked {F}.',
    '"Oh dear," said {F}. "What now?"',
    '"Please do not leave," said {F}.',
    '"Do not worry," said {H}. "I have an idea."',
    '"Wait here," said {H}. "I will be quick."',
    '"We will manage it," said {H}.',
)

KIND: dict[str, str] = {
    "thanks": '"Thank you," said {F}, and [{H} smiled].',
    "hug": "{F} [gave {H} a long hug].",
    "bread": "Then they [shared a loaf] of bread.",
    "stay": '"[You can stay] with me tonight," said {H}.',
    "wait": "{H} [did not leave] until all was well.",
    "promise": "{F} [promised to help] {H} the next time.",
    "gift": "The next day {F} [brought {H} a gift].",
    "teach": "Later {H} [taught {F} how] to do it alone.",
    "invite": "{H} [asked {F} to supper], and they talked until late.",
    "friend": '"[You are a true friend]," said {F}.',
    "soft": "{H} [spoke softly] and was never cross.",
    "others": "Soon the neighbours came and [helped as well].",
}

HARM: dict[str, str] = {
    "laugh": "{H} [laughed at {F}] and walked on.",
    "shout": "{H} [shouted at {F}] and slammed the door.",
    "push": "{H} [pushed {F}] into the mud.",
    "cold words": '"[That is not my problem]," said {H}.',
    "leave": "{H} [left {F} there] and went to bed.",
    "lie": "{H} [told a lie] and hid the {t}.",
    "snatch": "{H} [took everything] and ran.",
    "mock": '"[How silly you are]," said {H} to {F}.',
}

BLAND = (
    "It was a day like all the others.",
    "{H} looked at the sky.",
    "{H} walked here and there.",
    "There was a stone, and there was another stone.",
    "Then it was time for lunch.",
    "{H} thought about this and that.",
)

MOOD: dict[str, tuple[str, ...]] = {
    "gentle": (
        "{H} [felt a soft wind] in the grass.",
        "{H} [sat in the warm golden light].",
        "{H} [heard a quiet song] far away.",
        "{H} [watched petals fall] without a sound.",
        "{H} [listened to the bees] in the clover.",
        "{H} [saw a white cloud drift] by.",
        "{H} [smelled fresh bread] in the air.",
        "{H} [hummed a slow tune].",
    ),
    "funny": (
        "{H} [had a bucket on] one foot.",
        "{H} [sneezed so hard] that a goose fell over.",
        "{H} [had jam on] both ears.",
        "{H} [danced in an old boot] with two frogs.",
        "{H} [slid on a plum] and landed in the soup.",
        "{H} [put pink socks on] a cow.",
        "{H} [talked to a cabbage] for an hour.",
        "{H} [told a fish a joke] about spoons.",
    ),
    "brave": (
        "{H} [walked on through] the howling wind.",
        "{H} [took a deep breath] and went on.",
        "{H} [did not turn back] for anything.",
        "{H} [said: I am not afraid].",
        "{H} [stood as firm as] a tree in the thunder.",
        "{H} [climbed higher than] anyone before.",
        "{H} [looked a wolf in] the eye.",
        "{H} [ran straight into] the storm.",
    ),
    "mysterious": (
        "{H} [saw a blue light flicker] between the stones.",
        "{H} [found strange footprints] on the ground.",
        "{H} [heard a voice whisper] from nowhere.",
        "{H} [heard the clock strike thirteen].",
        "{H} [found a door where] no door had been.",
        "{H} [saw the {t} glow] for a moment.",
        "{H} [met a black cat that vanished].",
        "{H} [found a letter without] a name.",
    ),
}

ENDINGS: dict[str, tuple[str, ...]] = {
    "gentle": (
        "They [fell asleep side by side] under the stars.",
        "And {F} [was never alone again].",
        "They [watched the moon rise], and all was well.",
    ),
    "funny": (
        "They [laughed until their sides hurt].",
        "And from then on the goose [came to tea every Sunday].",
        "They [danced home in one boot] each.",
    ),
    "brave": (
        "From that day on, all [called {H} the bravest {k}].",
        "They [came home at dawn], tired and proud.",
        "And {F} [told everyone what {H} had done].",
    ),
    "mysterious": (
        "The strange light [was never seen again].",
        "They [kept the secret] all their lives.",
        "In the morning [only a feather was left].",
    ),
    "any": (
        "After that they [were friends for life].",
        "That night they both [went home happy].",
        "And so [the day ended well] after all.",
        "Since then they [meet every week] {at_p}.",
        "They [still tell the story] today.",
    ),
}

NO_ENDING = (
    "Then {H} went somewhere else.",
    "It rained, and nothing more was said.",
    "{F} waited, but nobody came.",
    "And that was that.",
    "{H} forgot all about it.",
)

PROMPTS = (
    "Write a {m} story with {a_t} and {a_p} about {H} the {k}.",
    "Tell me a {m} story. Put {a_t} and {a_p} in it. It is about {H} the {k}.",
    "I would like something {m}, with {a_p}, {a_t} and {H} the {k}.",
    "Please write something {m}: {a_t}, {a_p} and {H} the {k}.",
)

PROMPTS_WITH_FRIEND = (
    "Write a {m} story with {a_t} and {a_p} about {F} the {fk} and {H} the {k}.",
    "Please write something {m}: {a_t}, {a_p}, {F} the {fk} and {H} the {k}.",
)

TITLES = (
    "A {m} story with {a_t} and {a_p} about {H} the {k}.",
    "{Mood}: {a_t}, {a_p} and {H} the {k}.",
)

TITLES_WITH_FRIEND = ("A {m} story with {a_t} and {a_p} about {F} the {fk} and {H} the {k}.",)

FACTS = (
    "{H} the {k} has {a_t}.",
    "{H} the {k} is {at_p}.",
    "The {k} likes the {p}.",
    "{H} the {k} plays with the {t}.",
    "The {t} belongs to {H} the {k}.",
    "{H} is {look} {k}.",
    "The {k} took the {t} {to_p}.",
    "{H} dreams of {a_p}.",
    "The name of the {k} is {H}.",
)

MOOD_FACT = "{H} the {k} wants something {m}."

FACTS_OF_TWO = (
    "{H} the {k} met {F} the {fk}.",
    "{H} gave {F} the {t}.",
    "{F} the {fk} thanked {H} the {k}.",
    "{H} helped {F} the {fk}.",
    "{F} is {F_look} {fk}.",
    "{H} is {look} {k}.",
    "{H} and {F} went {to_p}.",
    "{F} smiled at {H}.",
    "{H} showed {F} the {t}.",
    "The {fk} waved to the {k}.",
)
