"""Files that a lead adds in the browser: whole or not at all, and refused with what is wrong."""

import gzip
import re

from storage.comparisons import read_comparisons
from storage.projects import get_project
from storage.votes import open_comparisons
from tests.annotation.uploading import comparison, lines, upload


def test_a_file_is_added_whole_or_not_at_all(service) -> None:
    token = service.become("lea")
    good = upload(service, token, lines(*(comparison(i) for i in range(3))))
    assert good.status_code == 200 and "Added: 3 comparisons, 6 completions" in re.sub(r"\s+", " ", good.text)
    again = upload(
        service, token, gzip.compress(lines(*(comparison(i) for i in range(4)))), name="c.jsonl.gz"
    )
    assert "Added: 1 comparison, 2 completions" in re.sub(r"\s+", " ", again.text)
    bad = comparison(9, completions=[{"text": 5}])
    refused = upload(service, token, lines(comparison(8), bad), name="../../etc/<b>.jsonl")
    assert refused.status_code == 422
    assert "&lt;b&gt;.jsonl:2: field &#39;completions[0].text&#39;" in refused.text, refused.text
    assert "Nothing was added" in refused.text and "etc" not in refused.text
    with service.database.reading() as session:
        project = get_project(session, "stories")
        found = list(read_comparisons(session, project.id))
        assert [c.id for c in found] == ["c0", "c1", "c2", "c3"]
        assert open_comparisons(session, project.id) == 4
    empty = upload(service, token, b"\n", name="empty.jsonl")
    assert empty.status_code == 422 and "empty.jsonl holds no comparison" in empty.text
    assert service.post("/projects/stories/upload", token).status_code == 422


def test_a_file_that_is_too_large_is_refused(service) -> None:
    token = service.become("lea")
    answer = upload(service, token, b"x" * (65 << 20))
    assert answer.status_code == 413 and "larger than the 64 MB" in answer.text


def test_a_packed_file_is_limited_in_what_it_unpacks_to(service) -> None:
    token = service.become("lea")
    state = service.browser.app.state
    state.settings = state.settings.model_copy(update={"upload_megabytes": 1})
    packed = gzip.compress(b"\n" * (9 << 20), compresslevel=1)
    answer = upload(service, token, packed, name="c.jsonl.gz")
    assert answer.status_code == 422 and "unpacks to more than the 8 MB" in answer.text


def test_a_packed_file_that_is_damaged_is_refused(service) -> None:
    token = service.become("lea")
    packed = bytearray(gzip.compress(lines(*(comparison(i) for i in range(50)))))
    packed[40:60] = b"\xff" * 20
    answer = upload(service, token, bytes(packed), name="c.jsonl.gz")
    assert answer.status_code == 422 and "cannot read c.jsonl.gz" in answer.text
