"""Prompt pools and demonstrations, on both databases."""

import pytest

from storage.importing import import_demonstrations_file, import_prompts_file
from storage.prompts import read_demonstrations, read_pool
from workbench.errors import RecordError

CHAT = [{"role": "user", "content": "Hello"}]


def test_prompts_come_back_from_their_pools(database, project, write_lines):
    path = write_lines(
        {"id": "p1", "prompt": CHAT, "use": "rl", "tags": {"topic": "x"}},
        {"prompt": "plain", "use": "sft"},
    )
    with database.writing() as session:
        assert import_prompts_file(session, project.id, path).added == {"prompts": 2}
        assert import_prompts_file(session, project.id, path).known == {"prompts": 2}
        (rl,), (sft,) = (
            list(read_pool(session, project.id, "rl")),
            list(read_pool(session, project.id, "sft")),
        )
    assert (rl.id, rl.prompt[0].content, rl.tags) == ("p1", "Hello", {"topic": "x"})
    assert (sft.prompt, sft.id[:2]) == ("plain", "p-")


def test_pools_are_disjoint(database, project, write_lines):
    path = write_lines({"prompt": CHAT, "use": "rl"}, {"prompt": CHAT, "use": "evaluation"})
    with pytest.raises(RecordError, match="kept for 'rl' .* and cannot be used for 'evaluation'") as caught, \
            database.writing() as session:  # fmt: skip
        import_prompts_file(session, project.id, path)
    assert (caught.value.line, caught.value.field) == (2, "use")
    with database.writing() as session:
        assert list(read_pool(session, project.id, "rl")) == []
        report = import_prompts_file(session, project.id, path, skip_bad=True)
    assert (report.added, len(report.bad)) == ({"prompts": 1}, 1)


def test_an_id_stands_for_one_prompt(database, project, write_lines):
    path = write_lines({"id": "p", "prompt": "a", "use": "rl"}, {"id": "p", "prompt": "b", "use": "rl"})
    with pytest.raises(RecordError, match="'p' is the id of another prompt"), database.writing() as session:
        import_prompts_file(session, project.id, path)


def test_demonstrations_come_back(database, project, write_lines):
    turns = [*CHAT, {"role": "assistant", "content": "Hi"}]
    path = write_lines({"id": "d2", "messages": turns}, {"id": "d1", "messages": turns, "tags": {"a": "b"}})
    with database.writing() as session:
        assert import_demonstrations_file(session, project.id, path).added == {"demonstrations": 2}
        assert import_demonstrations_file(session, project.id, path).known == {"demonstrations": 2}
        back = list(read_demonstrations(session, project.id))
    assert [(d.id, d.tags, d.messages[-1].content) for d in back] == [
        ("d1", {"a": "b"}, "Hi"),
        ("d2", {}, "Hi"),
    ]


def test_a_demonstration_id_has_one_content(database, project, write_lines):
    turns = [*CHAT, {"role": "assistant", "content": "Hi"}]
    other = [*CHAT, {"role": "assistant", "content": "Ho"}]
    path = write_lines({"id": "d", "messages": turns}, {"id": "d", "messages": other})
    with (
        pytest.raises(RecordError, match="'d' is stored with another content") as caught,
        database.writing() as session,
    ):
        import_demonstrations_file(session, project.id, path)
    assert caught.value.line == 2


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ({"prompt": "p", "use": "test"}, "use"),
        ({"prompt": ""}, None),
        ({"use": "rl"}, "prompt"),
        ({"prompt": "p", "use": "rl", "tags": {"a": 1}}, "tags"),
    ],
)
def test_bad_prompts(database, project, write_lines, line, field):
    if field is None:
        with database.writing() as session:  # An empty prompt is legal; so is a missing use, which means rl.
            assert import_prompts_file(session, project.id, write_lines(line)).added == {"prompts": 1}
            assert len(list(read_pool(session, project.id, "rl"))) == 1
        return
    with pytest.raises(RecordError) as caught, database.writing() as session:
        import_prompts_file(session, project.id, write_lines(line))
    assert caught.value.field == field
