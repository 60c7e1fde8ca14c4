"""The link between a project and Label Studio's: made once, found again, and never another than it was made."""

import hashlib
import html
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from annotation.label_studio.layout import MOST_TIERS, label_config
from annotation.label_studio.server import Server
from storage.database import Database
from storage.guidelines import current_guideline
from storage.label_studio import get_link, greatest_overlap, largest_comparison, open_links
from storage.projects import ProjectRecord, lock_project
from storage.tables import LabelStudioProject
from workbench.errors import DataError


@dataclass(frozen=True, kw_only=True)
class LinkSettings:
    """How a project is linked; read when the link is made, and compared with it later."""

    criterion: str = "helpful"
    layout: str = "ranker"
    tiers: int | None = None
    """Buckets; None: as many as the largest comparison has completions, at most 9."""
    seed: int = 0
    token_env: str = "LABEL_STUDIO_API_KEY"


def ensure_link(
    database: Database, project: ProjectRecord, url: str, settings: LinkSettings, anew: bool
) -> int:
    """The open link of the project, made where there is none; DataError where it was made with other settings."""
    with database.writing() as session:
        lock_project(session, project.id)
        found = [link for link in open_links(session, project.id, settings.criterion) if link.url == url]
        if found and anew:
            for link in found:
                link.closed_at = datetime.now(UTC)
            found = []
        if found:
            _check_same(found[0], settings)
            found[0].token_env = settings.token_env
            return found[0].id
        largest = largest_comparison(session, project.id)
        tiers = settings.tiers or min(max(largest, 2), MOST_TIERS)
        if not 2 <= tiers <= MOST_TIERS:
            raise DataError(f"--tiers must be 2 to {MOST_TIERS}, got {tiers}")
        link = LabelStudioProject(
            project_id=project.id,
            url=url,
            criterion=settings.criterion,
            layout=settings.layout,
            tiers=tiers,
            seed=settings.seed,
            token_env=settings.token_env,
        )
        session.add(link)
        session.flush()
        return link.id


def _check_same(link: LabelStudioProject, settings: LinkSettings) -> None:
    asked = {"layout": settings.layout, "seed": settings.seed, "tiers": settings.tiers or link.tiers}
    for name, value in asked.items():
        if getattr(link, name) != value:
            raise DataError(
                f"this project is linked with {name} {getattr(link, name)}, and {value} was asked for; labels of two "
                f"layouts do not mix. Leave --{name} out, or begin anew with --anew"
            )


def ensure_project(
    database: Database, project: ProjectRecord, link_id: int, server: Server
) -> tuple[int, bool]:
    """The number of the project that the server has for a link, and whether it was made just now."""
    with database.reading() as session:
        link = get_link(session, link_id)
        guideline = current_guideline(session, project.id)
        overlap = greatest_overlap(session, project.id)
        number, shown = link.number, link.guidelines[-1][1] if link.guidelines else None
        config, marker = label_config(link.layout, link.tiers), _marker(link)
        # Label Studio wants three characters or more, and fifty at most.
        title = f"{project.name} ({link.criterion})"[:50].ljust(3, ".")
    # Label Studio renders the instruction as HTML; ours is Markdown, which reads well as it stands.
    text = (
        "" if guideline is None else f'<pre style="white-space: pre-wrap">{html.escape(guideline.text)}</pre>'
    )
    created = number is None
    if number is None:
        # A push may have been cut short after the server made the project and before that was written here.
        number = server.find_project(marker) or server.create_project(title, config, overlap, text, marker)
    elif not server.has_project(number):
        raise DataError(
            f"project {number} is gone from {server.url}; 'accord export label-studio --anew' makes a new one, and "
            "what was pulled from the old one stays"
        )
    else:
        server.update_project(number, overlap, text)
    with database.writing() as session:
        link = get_link(session, link_id)
        link.number = number
        if guideline is not None and guideline.version != shown:
            link.guidelines = [*link.guidelines, [datetime.now(UTC).isoformat(), guideline.version]]
    return number, created


def _marker(link: LabelStudioProject) -> str:
    """What the project's description says, so that it is found again: the same each time, and no other link's."""
    made = f"{link.id} {link.project_id} {link.created_at.isoformat()} {link.seed}"
    return f"Accord {hashlib.sha256(made.encode()).hexdigest()[:20]}"


def set_webhook(database: Database, link_id: int, number: int, server: Server, url: str) -> None:
    """Have the server tell this address of changes, with a new secret."""
    secret = secrets.token_urlsafe(32)
    server.ensure_webhook(number, url, secret)
    with database.writing() as session:
        get_link(session, link_id).webhook_hash = hash_secret(secret)


def hash_secret(secret: str) -> str:
    """What is kept of a webhook's secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
