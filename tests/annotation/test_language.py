import re
import string
from importlib.resources import files

import pytest

from annotation.language import LANGUAGES, messages, translator


def placeholders(message):
    return sorted(name for _, name, _, _ in string.Formatter().parse(message) if name is not None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_messages_with_the_same_values(language):
    ours, english = messages(language), messages("en")
    assert list(ours) == list(english)
    assert [key for key in ours if placeholders(ours[key]) != placeholders(english[key])] == []
    assert [key for key, message in ours.items() if not message.strip()] == []


def test_chinese_messages_are_chinese():
    chinese = re.compile(r"[\u3001-\u9fff]")
    plain = {key: text for key, text in messages("zh").items() if not chinese.search(text)}
    assert plain == {"said.placed": "{card} {place}", "said.strength": "{strength}"}


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
