"""`accord annotator invite`: a link with which someone makes an account of their own."""

from dataclasses import dataclass
from datetime import timedelta

from cli.arguments import parse_plain
from cli.data import actor
from workbench.console import print_json


@dataclass(frozen=True, kw_only=True)
class InviteArguments:
    """Make a link that gives whoever follows it a role in a project, and print it. It is shown this once."""

    project: str
    """The project to invite to."""
    role: str = "annotator"
    """The role it gives: annotator, reviewer, lead or researcher."""
    uses: int = 1
    """How many people may follow it."""
    days: float = 7.0
    """Days until it ends, at most 90."""
    url: str = "http://127.0.0.1:8000"
    """Where the service is reached."""
    json: bool = False
    """Print one JSON object."""


def annotator_invite(arguments: list[str]) -> None:
    """Handle `accord annotator invite`."""
    config = parse_plain(
        InviteArguments,
        arguments,
        command="annotator invite",
        example="accord annotator invite --project stories --uses 5 --url https://labels.example.org",
    )
    from storage.database import open_database
    from storage.invitations import create_invitation
    from storage.projects import get_project
    from storage.tables import utc_now

    now = utc_now()
    lasts = timedelta(days=min(config.days, 10_000))
    with open_database().writing() as session:
        project = get_project(session, config.project)
        token = create_invitation(
            session, project.id, config.role, uses=config.uses, lasts=lasts, now=now, actor=actor()
        )
    link = f"{config.url.rstrip('/')}/join/{token}"
    if config.json:
        ends = (now + lasts).isoformat(timespec="seconds")
        print_json({"link": link, "project": config.project, "role": config.role, "expires_at": ends})
        return
    print(link)
    people = "one person" if config.uses == 1 else f"{config.uses} people"
    print(f"{config.role} in '{config.project}', for {people}, {config.days:g} days; it is not shown again")
