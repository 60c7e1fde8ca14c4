import ast
import re
import string
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from markupsafe import Markup

from annotation.language import LANGUAGES, messages, page_translator, translator


def placeholders(message):
    return sorted(name for _, name, _, _ in string.Formatter().parse(message) if name is not None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_messages_with_the_same_values(language):
    ours, english = messages(language), messages("en")
    assert list(ours) == list(english)
    # One language may need a value again, for the words that go with it.
    assert [key for key in ours if {*placeholders(ours[key])} != {*placeholders(english[key])}] == []
    assert [key for key, message in ours.items() if not message.strip()] == []


COUNTED = re.compile(
    r"{(\w+)} (?:old )?(annotators|comparisons|completions|days|disputes|events|hours|labels|minutes|questions"
    r"|rankings|skips|submissions|tasks|tiers|tokens|webhooks)\b"
)
LIMITS = {"most", "snapshots.large"}
"""Values, and a message, that name a limit, which is more than one."""


def test_no_english_message_counts_one_as_many():
    found = {(key, match[1]) for key, text in messages("en").items() for match in COUNTED.finditer(text)}
    assert {each for each in found if not LIMITS & {*each}} == set()


@pytest.mark.parametrize(
    ("key", "values", "expected"),
    [
        ("data.counts", {"comparisons": 1, "submissions": "1"}, "1 comparison, 1 submission."),
        ("data.counts", {"comparisons": "1,201", "submissions": 0}, "1,201 comparisons, 0 submissions."),
        ("projects.made", {"submissions": 1, "annotators": 1}, "1 ranking that counts, by 1 annotator"),
        ("projects.made", {"submissions": 24, "annotators": 2}, "24 rankings that count, by 2 annotators"),
        ("annotator.standing", {"submissions": 1, "skipped": 1, "hours": "1.0"}, "1 submission, 1 of them a skip, in 1.0 hours."),
        ("guidelines.redone_withdrawn", {"count": 1, "withdrawn": 1},
         "1 comparison will be ranked again; 1 old label no longer counts."),
        ("review.counts", {"decided": 1, "dismissed": 1, "settled": 1},
         "1 was decided, 1 left as it is, 1 settled by later rankings or withdrawals."),
        ("agreement.newer", {"count": 1}, "1 ranking has come since."),
        ("webhooks.waiting", {"count": 1}, "1 event waits"),
        ("age.minute", {"count": 1}, "1 minute ago"),
        ("age.minute", {"count": 2}, "2 minutes ago"),
    ],
)  # fmt: skip
def test_one_is_said_as_one_and_many_as_many(key, values, expected):
    assert translator("en")(key, **values) == expected
    assert page_translator("en")(key, **values) == expected
    chinese = translator("zh")(key, **values)
    assert chinese == page_translator("zh")(key, **values) and all(
        str(value) in chinese for value in values.values()
    )


def test_a_figure_in_an_element_counts_as_what_it_says():
    t = page_translator("en")
    assert t("webhooks.waiting", count=Markup("<b>1</b>")) == "<b>1</b> event waits"
    assert t("webhooks.waiting", count=Markup("<b>11</b>")) == "<b>11</b> events wait"
    assert t("webhooks.waiting", count="<b>1</b>") == "&lt;b&gt;1&lt;/b&gt; events wait"


def test_chinese_messages_are_chinese():
    chinese = re.compile(r"[\u3001-\u9fff]")
    plain = {key: text for key, text in messages("zh").items() if not chinese.search(text)}
    without_values = {key: re.sub(r"{\w+}", "", text).strip(" :,/，：（）") for key, text in plain.items()}
    words = {key: text for key, text in without_values.items() if text}
    assert words == {"overview.alpha": "alpha", "tab.webhooks": "Webhook"}


def test_every_message_that_a_page_asks_for_exists():
    """A key stands in a template or a script as t("group.key"); what follows a name may be completed there."""
    folder = files("annotation")
    sources = [*folder.joinpath("templates").iterdir(), *folder.joinpath("static/rank").iterdir()]
    asked = {
        key
        for source in sources
        for key in re.findall(r"""\bt\(\s*["'`]([a-z_]+\.[a-z_.]*)""", source.read_text(encoding="utf-8"))
    }
    known = messages("en")
    missing = [key for key in asked if not any(one.startswith(key) for one in known)]
    assert missing == []
    assert len(asked) > 5


class Words(HTMLParser):
    """The words of a template that do not come from the table of messages: text, and attributes that are read out."""

    SPOKEN = ("title", "aria-label", "placeholder", "alt", "value")

    def __init__(self):
        super().__init__()
        self.found = []
        self._untranslated = []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if values.get("translate") == "no":
            self._untranslated.append(tag)
        if tag != "input" or values.get("type") != "submit":
            values.pop("value", None)
        self.found += [values[name] for name in self.SPOKEN if values.get(name)]

    def handle_endtag(self, tag):
        if self._untranslated and self._untranslated[-1] == tag:
            self._untranslated.pop()

    def handle_data(self, text):
        if not self._untranslated:
            self.found.append(text)


NOT_WORDS = {
    "Accord",
    "Markdown",
    "Standard Webhooks",
    "UTC",
    "Europe/Berlin",
    "https://example.org/accord",
    'class="ranking"',
}
"""Names, and what someone types as it stands."""


def words_of(template):
    # What the template computes is not text; in a quoted attribute it may hold quotes of its own.
    plain = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", " ", template, flags=re.DOTALL)
    parser = Words()
    parser.feed(plain)
    said = {" ".join(text.split()).strip(" ·:.,()“”") for text in parser.found}
    return sorted(text for text in said if re.search(r"[A-Za-z]{2}", text) and text not in NOT_WORDS)


TEMPLATES = sorted(files("annotation").joinpath("templates").iterdir(), key=lambda file: file.name)


@pytest.mark.parametrize("file", TEMPLATES, ids=[file.name for file in TEMPLATES])
def test_no_template_holds_words_of_one_language(file):
    assert words_of(file.read_text(encoding="utf-8")) == []


def test_words_of_one_language_would_be_found():
    template = """<p title="A hint">Hello {{ name }} <b aria-label="{{ t('x.y') }}">world</b></p>
        <input placeholder="type" value="no word"><input type="submit" value="Go">"""
    assert words_of(template) == ["A hint", "Go", "Hello", "type", "world"]


def test_every_message_is_asked_for():
    """A message that nothing says is a translation for nobody; a key's end may be made where it is asked for."""
    folder, storage = files("annotation"), files("storage")
    places = [folder, *(folder.joinpath(name) for name in ("routes", "templates", "static/rank")), storage]
    sources = [file for place in places for file in place.iterdir() if file.is_file()]
    code = " ".join(source.read_text(encoding="utf-8") for source in sources)
    asked = set(re.findall(r"""["'`]([a-z_]+\.[a-z_.-]*)""", code))
    asked |= {f"refused.{name}" for name in re.findall(r'code="([a-z_]+)"', code)}
    begun = tuple(key for key in asked if key[-1] in "._-" or key == "strength.s")
    assert [key for key in messages("en") if key not in asked and not key.startswith(begun)] == []


def test_every_refusal_with_a_code_has_its_message_with_its_values():
    """By the syntax tree: `DataError(text, code="x", name=value)` fills `refused.x`, which names the same values."""
    found = {}
    for package in ("annotation", "annotation.routes", "storage"):
        for file in files(package).iterdir():
            for node in (
                ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if file.name.endswith(".py") else ()
            ):
                named = {each.arg: each.value for each in node.keywords} if isinstance(node, ast.Call) else {}
                if "code" in named and getattr(node.func, "id", "") == "DataError" and None not in named:
                    found[named["code"].value] = set(named) - {"code"}
    assert len(found) > 20
    texts = {code: set(placeholders(messages("en")[f"refused.{code}"])) for code in found}
    assert texts == found


def test_markup_is_escaped_but_where_it_was_made_by_a_template():
    t = page_translator("en")
    assert t("join.heading", project="<b>") == "Join “&lt;b&gt;”"
    assert t("join.have", link=Markup("<a>in</a>")).startswith("You have an account? <a>in</a> first")
    assert "<b>" not in f"{t('refused.project_taken', name='<b>')}"


def test_values_are_filled_in():
    assert translator("en")("site.skip") == "Skip to the content"
    with pytest.raises(KeyError):
        translator("en")("site.no_such_message")


def test_the_switch_stays_with_the_account(service):
    service.sign_in("ann")
    token = service.csrf("/")
    done = service.browser.post(
        "/language", data={"language": "zh", "back": "/", "csrf": token}, follow_redirects=False
    )
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert 'lang="zh"' in service.browser.get("/").text
    service.browser.cookies.clear()
    service.sign_in("ann")
    assert '<html lang="zh">' in service.browser.get("/").text


def test_before_sign_in_the_browser_is_asked(service):
    assert (
        '<html lang="zh">'
        in service.browser.get("/sign-in", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).text
    )
    assert '<html lang="en">' in service.browser.get("/sign-in", headers={"Accept-Language": "fr"}).text


@pytest.mark.parametrize(
    "back", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", ""]
)
def test_the_switch_leads_to_this_site_only(service, back):
    token = service.csrf("/sign-in")
    done = service.browser.post(
        "/language", data={"language": "zh", "back": back, "csrf": token}, follow_redirects=False
    )
    assert done.headers["location"] == "/"


def test_the_switch_needs_the_token_of_the_form(service):
    service.sign_in("ann")
    assert service.browser.post("/language", data={"language": "zh", "csrf": "x"}).status_code == 403
