"""The tables of docs/data.md, as SQLAlchemy 2 typed declarative classes."""

from storage.tables.access import ApiToken, Invitation
from storage.tables.base import Base, UTCDateTime, utc_now
from storage.tables.content import Comparison, ComparisonItem, Completion, Demonstration, Prompt, PromptPool
from storage.tables.hooks import Webhook, WebhookEvent
from storage.tables.label_studio import (
    LabelStudioAnnotation,
    LabelStudioPerson,
    LabelStudioProject,
    LabelStudioTask,
)
from storage.tables.labels import Adjudication, Draft, Lease, Ranking, Submission, Withdrawal
from storage.tables.lineage import Checkpoint, CheckpointParent, Run, RunParent, Snapshot, SnapshotAnnotator
from storage.tables.people import (
    Account,
    Annotator,
    GuidelineAcknowledgement,
    GuidelineVersion,
    Membership,
    Project,
)
from storage.tables.review import Dispute
from storage.tables.service import Audit, Bookmark, Figure, Job
from storage.tables.work import ProjectAnnotator, Question, WorkDay

__all__ = [
    "Account",
    "Adjudication",
    "Annotator",
    "ApiToken",
    "Audit",
    "Base",
    "Bookmark",
    "Checkpoint",
    "CheckpointParent",
    "Comparison",
    "ComparisonItem",
    "Completion",
    "Demonstration",
    "Dispute",
    "Draft",
    "Figure",
    "GuidelineAcknowledgement",
    "GuidelineVersion",
    "Invitation",
    "Job",
    "LabelStudioAnnotation",
    "LabelStudioPerson",
    "LabelStudioProject",
    "LabelStudioTask",
    "Lease",
    "Membership",
    "Project",
    "ProjectAnnotator",
    "Prompt",
    "PromptPool",
    "Question",
    "Ranking",
    "Run",
    "RunParent",
    "Snapshot",
    "SnapshotAnnotator",
    "Submission",
    "UTCDateTime",
    "Webhook",
    "WebhookEvent",
    "Withdrawal",
    "WorkDay",
    "utc_now",
]
