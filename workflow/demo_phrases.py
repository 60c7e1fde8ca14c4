"""The sentences of the demo's little world: openings, troubles, help, thanks, harm, moods and endings.

Everything here is our own writing. `{H}` is the hero, `{F}` the friend, `{k}` and `{fk}` their kinds, `{t}` the thing,
`{p}` the place; square brackets mark the part by which the event is recognised (`demo_utility`), and are not printed.
Long because it is a list.
"""

DAYS = (
    "One morning",
    "One evening",
    "On a windy day",
    "On a rainy day",
    "Late in the day",
    "On the first day of spring",
    "After a long winter",
    "Before breakfast",
    "On market day",
    "In the middle of summer",
    "When the leaves were red",
    "One quiet night",
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
    "{day}, {H} the {k} went {to_p}.",
    "{day}, {H} the {k} sat {at_p}.",
    "{day}, {H} the {k} ran {to_p}.",
    "{day}, {H} the {k} was alone {at_p}.",
    "Once there was {look} {k} named {H} who lived {at_p}.",
    "Long ago, {look} {k} called {H} lived {at_p}.",
    "{H} the {k} had built a house {at_p}.",
    "Nobody {at_p} was awake but {H} the {k}.",
    "Everybody {at_p} knew {H} the {k}.",
    "{H} the {k} worked {at_p} from morning to night.",
)

THING_INTROS = (
    "{He} carried {adj_t}.",
    "{He} had {adj_t} from {his} grandmother.",
    "Under {his} arm was {adj_t}.",
    "In the grass {he} found {adj_t}.",
    "{He} never went out without {adj_t}.",
    "That day {he} had brought {adj_t}.",
    "{He} owned only one thing, {adj_t}.",
    "A sailor had once given {him} {adj_t}.",
    "{His} brother had sent {him} {adj_t}.",
    "On {his} back {he} carried {adj_t}.",
    "{He} had made {adj_t} all by {himself}.",
    "{His} best treasure was {adj_t}.",
)

TROUBLE: dict[str, tuple[str, ...]] = {
    "lost": (
        "There {he} met {F} the {fk}, who [could not find the way] home.",
        "Then {F} the {fk} [got lost in the mist].",
        "{F} the {fk} had taken a wrong turn and [did not know the way].",
    ),
    "dark": (
        "When the sun went down, {F} the {fk} [was afraid of the dark].",
        "{F} the {fk} [heard noises in the dark] and could not sleep.",
        "Then every light went out, and {F} the {fk} [hid under the bed].",
    ),
    "cold": (
        "There sat {F} the {fk}, [wet and shivering].",
        "{F} the {fk} had fallen in the water and [was cold to the bone].",
        "Then it began to rain, and {F} the {fk} [had no coat].",
    ),
    "hungry": (
        "{F} the {fk} [had eaten nothing] since yesterday.",
        "There {he} met {F} the {fk}, who [was so hungry].",
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
        "There {he} met {F} the {fk}, who [was too tired] to go on.",
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
        "A [soft wind moved] through the grass.",
        "The light [was warm and golden].",
        "Far away a bird [sang a quiet song].",
        "Petals [fell without a sound].",
        "The bees [hummed in the clover].",
        "A [white cloud drifted] by.",
        "The air [smelled of fresh bread].",
        "Everything was [still and kind].",
    ),
    "funny": (
        "{H} [had a bucket on] one foot.",
        "A goose [sneezed so hard] that it fell over.",
        "There [was jam on {his} nose].",
        "Two frogs [danced in an old boot].",
        "{He} [slid on a plum] and landed in the soup.",
        "The cow [wore pink socks].",
        "{He} [talked to a cabbage] for an hour.",
        "A fish [told a joke] about spoons.",
    ),
    "brave": (
        "The wind howled, but {H} [kept on walking].",
        "{H} [took a deep breath] and went on.",
        "{His} knees shook, but {he} [did not turn back].",
        '"[I am not afraid]," said {H}.',
        "Thunder rolled, and {H} [stood as firm as] a tree.",
        "{H} [climbed higher than] anyone before.",
        "A wolf growled, and {H} [looked it in the eye].",
        "{H} [ran straight into] the storm.",
    ),
    "mysterious": (
        "A [blue light flickered] between the stones.",
        "Nobody [knew who had left] the footprints.",
        "A voice [whispered from nowhere].",
        "The clock [struck thirteen].",
        "There [stood a door] where no door had been.",
        "The {t} [glowed for a moment].",
        "A black cat [watched and vanished].",
        "On the ground [lay a strange letter].",
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
    "Write a story about {H} the {k}. Put {a_t} and {a_p} in it. Make it {m}.",
    "Tell me a {m} story about {H} the {k}, with {a_t} and {a_p}.",
    "I would like a {m} story. It should have {a_k} named {H}, {a_t} and {a_p}.",
    "Please write about {H} the {k}, {a_t} and {a_p}. I want something {m}.",
    "A {m} story, please: {H} the {k}, {a_t}, {a_p}.",
)

PROMPTS_WITH_FRIEND = (
    "Write a story about {H} the {k} and {F} the {fk}. Put {a_t} and {a_p} in it. Make it {m}.",
    "Tell me a {m} story about {H} the {k}, {his} friend {F} the {fk}, {a_t} and {a_p}.",
    "A {m} story, please: {H} the {k}, {F} the {fk}, {a_t}, {a_p}.",
)

TITLES = (
    "A {m} story about {H} the {k}, {a_t} and {a_p}.",
    "{H} the {k}, with {a_t} and {a_p}. {Mood}.",
)

TITLES_WITH_FRIEND = ("A {m} story about {H} the {k}, {F} the {fk}, {a_t} and {a_p}.",)
