"""The words of the demo's little world: who can be in a story, what they carry, where they are.

Everything here is our own writing. Templates use `{slots}` (see `demo_grammar.fill`); square brackets mark the part
of a sentence by which an event is recognised, and are not printed.
"""

from dataclasses import dataclass

SHE = (
    "Mina",
    "Lily",
    "Ruby",
    "Nora",
    "Ida",
    "Pia",
    "Ella",
    "Rosa",
    "Tilda",
    "Wanda",
    "Greta",
    "Daisy",
    "Zoe",
    "Fern",
    "Olive",
    "Maya",
)
HE = (
    "Tom",
    "Oskar",
    "Finn",
    "Hugo",
    "Leo",
    "Max",
    "Otto",
    "Ben",
    "Sam",
    "Kit",
    "Paul",
    "Emil",
    "Jonas",
    "Noah",
    "Theo",
    "Axel",
)
NAMES = SHE + HE

KINDS = (
    "fox",
    "rabbit",
    "bear",
    "mouse",
    "owl",
    "cat",
    "dog",
    "duck",
    "hedgehog",
    "squirrel",
    "frog",
    "goat",
    "badger",
    "turtle",
)

KIND_OF = {name: KINDS[i % len(KINDS)] for i, name in enumerate(NAMES)}
"""Everybody is always the same kind of animal: a model this small learns that, but not to copy a kind from a prompt."""

MOODS = ("gentle", "funny", "brave", "mysterious")

TROUBLES = ("lost", "dark", "cold", "hungry", "stuck", "sad", "broken", "quarrel", "far", "tired")


@dataclass(frozen=True)
class Place:
    """Somewhere a story can happen: with its preposition, and sentences that only fit there."""

    at: str
    to: str
    details: tuple[str, ...]


PLACES: dict[str, Place] = {
    "river": Place(
        "by the river",
        "to the river",
        ("The river was wide and slow.", "The water of the river ran over round stones."),
    ),
    "forest": Place(
        "in the forest",
        "into the forest",
        ("The trees of the forest were taller than towers.", "Moss grew everywhere in the forest."),
    ),
    "hill": Place(
        "on the hill",
        "up the hill",
        ("From the hill you could see seven villages.", "The grass on the hill was long and yellow."),
    ),
    "garden": Place(
        "in the garden",
        "into the garden",
        ("The garden was full of beans and roses.", "A stone wall went all around the garden."),
    ),
    "beach": Place(
        "on the beach",
        "down to the beach",
        ("The waves left shells all along the beach.", "The sand of the beach was still warm."),
    ),
    "mill": Place(
        "at the old mill",
        "to the old mill",
        ("The wheel of the mill turned round and round.", "There was flour on every window of the mill."),
    ),
    "barn": Place(
        "in the barn",
        "to the barn",
        ("The barn smelled of hay.", "Swallows had built their nests under the roof of the barn."),
    ),
    "meadow": Place(
        "in the meadow",
        "across the meadow",
        ("The meadow was bright with poppies.", "Grasshoppers jumped all over the meadow."),
    ),
    "bridge": Place(
        "near the bridge",
        "to the bridge",
        ("The bridge was made of old wood.", "Trout swam in the shadow of the bridge."),
    ),
    "pond": Place(
        "by the pond",
        "to the pond",
        ("Green lilies floated on the pond.", "The pond was as smooth as glass."),
    ),
    "cave": Place(
        "in a cave",
        "to the cave",
        ("Water dripped from the roof of the cave.", "Every word came back twice in the cave."),
    ),
    "market": Place(
        "at the market",
        "to the market",
        ("At the market they sold cheese and pears.", "The market was full of people and noise."),
    ),
    "orchard": Place(
        "in the orchard",
        "to the orchard",
        ("The apples in the orchard were nearly ripe.", "Wasps hummed in the grass of the orchard."),
    ),
    "harbour": Place(
        "at the harbour",
        "down to the harbour",
        ("Seven ships lay in the harbour.", "The harbour smelled of salt and tar."),
    ),
    "island": Place(
        "on a small island",
        "to the island",
        ("The island had only three trees.", "Seals slept on the rocks of the island."),
    ),
    "tower": Place(
        "in a tall tower",
        "up to the tower",
        ("The tower had a hundred steps.", "Crows flew around the top of the tower."),
    ),
}


@dataclass(frozen=True)
class Thing:
    """Something to carry: how it may be described, and how it helps in which trouble."""

    described: tuple[str, ...]
    helps: dict[str, str]


THINGS: dict[str, Thing] = {
    "lantern": Thing(("a little brass lantern", "an old green lantern"), {
        "lost": "{H} lit the lantern and [walked {F} all the way home].",
        "dark": "{H} hung the lantern on a branch, and [the dark was gone].",
        "stuck": "{H} held up the lantern, and soon {he} [found a way to get {F} out].",
    }),
    "candle": Thing(("a long white candle", "a candle of yellow wax"), {
        "dark": "{H} lit the candle and [stayed until {F} was not afraid].",
        "sad": "{H} put the candle on a bun and [sang a birthday song for {F}].",
        "cold": "{H} lit the candle, and [they warmed their paws] at the flame.",
    }),
    "bell": Thing(("a small silver bell", "a bell with a clear sound"), {
        "lost": "{H} rang the bell again and again, and {F} [followed the sound home].",
        "dark": "{H} gave {F} the bell and said, \"Ring it, and [I will come to you].\"",
        "far": "{H} rang the bell until the ferry [came and took them across].",
    }),
    "whistle": Thing(("a wooden whistle", "a whistle as loud as a train"), {
        "lost": "{H} blew the whistle until {F}'s mother [came and found them].",
        "sad": "{H} played a merry tune on the whistle until {F} [began to dance].",
        "stuck": "{H} blew the whistle, and the others came and [pulled {F} out].",
    }),
    "map": Thing(("a map drawn in blue ink", "an old map with one corner gone"), {
        "lost": "{H} opened the map and [showed {F} the path home].",
        "far": "On the map {H} saw a shallow place, and there [they crossed together].",
        "sad": "{H} drew a treasure on the map, and [they went to look for it].",
    }),
    "rope": Thing(("a long strong rope", "a rope as thick as a tail"), {
        "stuck": "{H} threw down the rope and [pulled {F} up] slowly.",
        "far": "{H} tied the rope between two trees, and {F} [climbed safely across].",
        "broken": "{H} wound the rope around it twice, and [it held again].",
    }),
    "ladder": Thing(("a wooden ladder", "a ladder with nine steps"), {
        "stuck": "{H} set up the ladder, and {F} [climbed out step by step].",
        "broken": "{H} climbed the ladder and [mended it] before noon.",
        "far": "{H} laid the ladder over the gap, and {F} [walked across it].",
    }),
    "boat": Thing(("a little red boat", "a boat with a patched sail"), {
        "far": "{H} rowed over in the boat and [brought {F} back].",
        "sad": "{H} took {F} out in the boat, and [they watched the fish].",
        "tired": "{H} let {F} lie down in the boat and [rowed {him_F} home].",
    }),
    "wagon": Thing(("a blue wagon", "a wagon with squeaky wheels"), {
        "tired": "{H} put everything in the wagon and [pulled it home for {F}].",
        "broken": "{H} brought new boards in the wagon and [built it up again].",
        "hungry": "{H} filled the wagon with turnips and [gave them all to {F}].",
    }),
    "basket": Thing(("a round basket", "a basket with a lid"), {
        "hungry": "{H} opened the basket and [gave {F} bread and cheese].",
        "tired": "{H} put half the load in the basket and [carried it for {F}].",
        "stuck": "{H} let down the basket, and {F} [rode up in it].",
    }),
    "blanket": Thing(("a thick wool blanket", "a blanket with red squares"), {
        "cold": "{H} wrapped the blanket [around {F}'s shoulders].",
        "dark": "They made a tent from the blanket and [told stories until morning].",
        "tired": "{H} spread out the blanket and [let {F} sleep a while].",
    }),
    "scarf": Thing(("a very long scarf", "a scarf of orange wool"), {
        "cold": "{H} took off the scarf and [put it around {F}'s neck].",
        "stuck": "{H} let down the scarf like a rope and [pulled {F} to safety].",
        "broken": "{H} tied it up with the scarf, and [it was as good as new].",
    }),
    "umbrella": Thing(("a black umbrella", "an umbrella with yellow dots"), {
        "cold": "{H} opened the umbrella and [kept {F} dry] all the way home.",
        "far": "They turned the umbrella over and [sailed across in it].",
        "sad": "{H} danced under the umbrella until {F} [had to smile].",
    }),
    "pie": Thing(("a warm apple pie", "a pie with plums"), {
        "hungry": "{H} cut the pie in two and [gave {F} the bigger half].",
        "sad": "{H} put the pie on a rock, and [they ate it together].",
        "quarrel": "{H} cut the pie in two and said, \"[You choose first].\"",
    }),
    "cake": Thing(("a tall honey cake", "a cake with nuts"), {
        "hungry": "{H} put the whole cake [in front of {F}].",
        "sad": "{H} wrote {F}'s name on the cake and [made a little party].",
        "quarrel": "{H} broke the cake and [kept the smaller piece].",
    }),
    "kite": Thing(("a paper kite", "a kite with a long tail"), {
        "sad": "{H} put the string of the kite [into {F}'s hands].",
        "lost": "{H} let the kite fly high, and {F} [saw it and found the way].",
        "quarrel": "So {H} said, \"[We can take turns] with the kite.\"",
    }),
    "balloon": Thing(("a big red balloon", "a balloon shaped like a pear"), {
        "sad": "{H} tied the balloon [to {F}'s wrist].",
        "lost": "{H} let the balloon rise over the trees, and {F} [knew where to go].",
        "quarrel": "So {H} gave {F} the balloon and said, \"[It can be ours].\"",
    }),
    "drum": Thing(("a round tin drum", "a drum with blue stars"), {
        "sad": "{H} beat the drum and [made up a song about {F}].",
        "lost": "{H} beat the drum until {F} [came out of the mist].",
        "quarrel": "{H} let {F} have one stick, and [they played the drum together].",
    }),
    "flute": Thing(("a thin silver flute", "a flute cut from a reed"), {
        "sad": "{H} played the flute until {F} [felt light again].",
        "dark": "{H} played the flute all night so that {F} [could sleep].",
        "quarrel": "{H} gave {F} the flute and said, \"[I will show you how].\"",
    }),
    "book": Thing(("a heavy old book", "a book with gold letters"), {
        "sad": "{H} read {F} the best page of the book and [did all the voices].",
        "dark": "{H} read aloud from the book until {F} [forgot to be afraid].",
        "quarrel": "They opened the book on the floor and [read it side by side].",
    }),
    "hat": Thing(("a tall straw hat", "a hat with a feather"), {
        "cold": "{H} took off the hat and [pulled it over {F}'s ears].",
        "hungry": "{H} filled the hat with berries and [brought it to {F}].",
        "sad": "{H} made a bow and [gave {F} the hat].",
    }),
    "mirror": Thing(("a small round mirror", "a mirror with a silver frame"), {
        "dark": "{H} turned the mirror to the moon and [made a path of light].",
        "lost": "{H} made the mirror flash in the sun, and {F} [walked towards the light].",
        "sad": "{H} held up the mirror and said, \"[Here is my best friend].\"",
    }),
    "teapot": Thing(("a fat brown teapot", "a teapot with a chip"), {
        "cold": "{H} filled the teapot and [poured {F} a hot cup].",
        "sad": "{H} brought the teapot, and [they talked about everything].",
        "tired": "{H} put the teapot on the fire and [made {F} sit down].",
    }),
    "hammer": Thing(("a good iron hammer", "a hammer with a long handle"), {
        "broken": "{H} took the hammer and [fixed it nail by nail].",
        "stuck": "{H} broke the boards with the hammer and [set {F} free].",
        "far": "With the hammer {H} built a raft, and [they floated over].",
    }),
}  # fmt: skip
