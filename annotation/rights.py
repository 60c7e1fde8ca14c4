"""Rights: which role may do what in a project. Every handler asks here, and nowhere else stands a role's name."""

from collections.abc import Mapping
from typing import Literal, get_args

from storage.accounts import AccountRecord

Right = Literal["annotate", "read", "review", "export", "lead"]

RIGHTS: Mapping[Right, frozenset[str]] = {
    # Rank, and see one's own work.
    "annotate": frozenset({"annotator"}),
    # See the project's figures, its agreement and its snapshots.
    "read": frozenset({"reviewer", "lead", "researcher"}),
    # See others' rankings without their names, and decide disputes.
    "review": frozenset({"reviewer", "lead"}),
    # Take labels out, under pseudonyms.
    "export": frozenset({"lead", "researcher"}),
    # Change the project, its people and its labels.
    "lead": frozenset({"lead"}),
}
"""The roles that have each right in the project that they are held in; an admin has every right in every project."""

assert set(RIGHTS) == set(get_args(Right))


def may(account: AccountRecord, project_id: int, right: Right) -> bool:
    """Whether the account has the right in that project."""
    if account.is_admin:
        # Labels carry the name of who made them: nobody annotates by being admin.
        return right != "annotate" or "annotator" in account.roles.get(project_id, frozenset())
    return bool(account.roles.get(project_id, frozenset()) & RIGHTS[right])


def may_anywhere(account: AccountRecord, right: Right) -> bool:
    """Whether the account has the right in any project."""
    return account.is_admin or any(held & RIGHTS[right] for held in account.roles.values())
