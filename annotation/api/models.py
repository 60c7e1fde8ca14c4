"""What the API takes and gives, as pydantic models; places are positions as displayed, from 0."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

LONGEST_TEXT = 100_000
Seconds = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Tier = Annotated[int, Field(ge=1, le=99, strict=True)] | None
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
Note = Annotated[str, Field(max_length=20_000)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
MOST = 9
RowId = Annotated[int, Field(ge=1, lt=2**63)]
"""An id in the path that a database can hold."""


class Strict(BaseModel):
    """A body; what it does not name is refused."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="after")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        _check_storable(value)
        return value


class ProjectEntry(BaseModel):
    """A project that the account has a role in."""

    name: str
    description: str
    roles: list[str]
    status: Literal["open", "paused", "outside-hours", "closed"]


class Projects(BaseModel):
    """The account's projects."""

    projects: list[ProjectEntry]


class NextBody(Strict):
    """The tasks that the page holds already."""

    exclude: Annotated[list[Name], Field(max_length=10)] = []


class Message(BaseModel):
    """One turn of a prompt."""

    role: str
    content: str


class CompletionText(BaseModel):
    """A completion as it is shown."""

    text: str


class GuidelineState(BaseModel):
    """The guideline in force, and whether this annotator has yet to read it."""

    version: str
    changed: bool


class Task(BaseModel):
    """A comparison to be ranked."""

    id: str
    project: str
    mode: Literal["ranking", "practice"]
    prompt: str | list[Message]
    completions: list[CompletionText]
    form: dict[str, Any]
    guideline: GuidelineState | None
    draft: dict[str, Any] | None
    revises: int | None
    content_warning: str | None
    expires_at: str
    seconds_before: float


class Mine(BaseModel):
    """How far the annotator has come."""

    today: int
    total: int
    left: int
    """Comparisons of the project that want more rankings."""


class Next(BaseModel):
    """The next task, or why there is none."""

    task: Task | None
    reason: Literal["nothing-left", "paused", "outside-hours", "not-qualified", "withdrawn"] | None
    mine: Mine


class Expiry(BaseModel):
    """Until when the task is held."""

    expires_at: str


class DraftBody(Strict):
    """Unsent work in the page's own form."""

    content: dict[str, Any]
    seconds: Seconds = 0.0


class RankingBody(Strict):
    """One criterion: a tier for each place, null where the completion was set aside."""

    tiers: Annotated[list[Tier], Field(max_length=MOST)]
    strength: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None


class Timings(Strict):
    """How the time was spent, as the page measured it."""

    first_action: Seconds | None = None
    seen: Annotated[list[Seconds | None], Field(max_length=MOST)] = []
    input: Literal["keyboard", "pointer", "touch", "mixed"] | None = None


class SubmitBody(Strict):
    """A ranking with all that the form asks."""

    rankings: Annotated[dict[Name, RankingBody], Field(max_length=50)]
    flags: Annotated[list[Annotated[list[Name], Field(max_length=50)]], Field(max_length=MOST)] = []
    answers: Annotated[
        dict[Name, Annotated[list[bool | int | float | Note | None], Field(max_length=MOST)]],
        Field(max_length=100),
    ] = {}
    rules: Annotated[
        dict[Name, Annotated[list[Literal["yes", "no", "unsure"] | None], Field(max_length=MOST)]],
        Field(max_length=100),
    ] = {}
    note: Note | None = None
    demonstration: Text | None = None
    guideline: Name | None = None
    seconds: Seconds = 0.0
    timings: Timings | None = None
    session: Name | None = None


class SkipBody(Strict):
    """Why the comparison was not ranked."""

    reason: Name
    note: Note | None = None
    guideline: Name | None = None
    seconds: Seconds = 0.0
    session: Name | None = None


class Feedback(BaseModel):
    """How a practice ranking compares with the expected one."""

    agrees: float
    expected: dict[str, list[int | None]]
    explanation: str


class Submitted(BaseModel):
    """The submission that is now in the database."""

    submission: int
    undo_until: str
    feedback: Feedback | None


class OwnSubmission(BaseModel):
    """A line of the annotator's history."""

    id: int
    at: str
    outcome: str
    reason: str | None
    prompt_start: str
    tiers: dict[str, list[int | None]]
    note: str | None
    seconds: float


class History(BaseModel):
    """Own submissions, newest first."""

    submissions: list[OwnSubmission]


class QuestionBody(Strict):
    """A question to the lead."""

    text: Annotated[str, Field(min_length=1, max_length=5000)]


class AnswerBody(Strict):
    """The lead's answer."""

    text: Annotated[str, Field(min_length=1, max_length=5000)]


class Asked(BaseModel):
    """The question's number."""

    question: int


class QuestionEntry(BaseModel):
    """A question with its answer; who asked and on what is for leads."""

    id: int
    text: str
    at: str
    prompt_start: str | None
    answer: str | None
    answered_at: str | None
    annotator: str | None = None
    comparison: str | None = None


class Questions(BaseModel):
    """Questions, newest first."""

    questions: list[QuestionEntry]


class GuidelineText(BaseModel):
    """One version of the guideline."""

    version: str
    markdown: str
    html: str
    changes: str | None


class AcknowledgeBody(Strict):
    """The version that was read."""

    version: Name


class Done(BaseModel):
    """It is done."""

    ok: bool = True


def _check_storable(value: Any) -> None:
    """No database can store a lone surrogate or a NUL; better said here than found there."""
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("holds a NUL character, which cannot be stored")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ValueError("holds a lone surrogate, which cannot be stored") from error
    elif isinstance(value, dict):
        for key, entry in value.items():
            _check_storable(key)
            _check_storable(entry)
    elif isinstance(value, list):
        for entry in value:
            _check_storable(entry)
