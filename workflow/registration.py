"""Registration: a run that ended is put into the home's database, where one is; a run needs no database to train."""

from pathlib import Path

from storage.database import open_database
from storage.runs import register_run
from workbench.home import database_url


def register(folder: str | Path) -> bool:
    """Index the run folder with its checkpoints and parents; False where this home has no database.

    A database that is there but cannot be opened is a DataError: the run folder is whole, and `accord runs index`
    registers it later.
    """
    url = database_url()
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return False
    database = open_database(url)
    try:
        with database.writing() as session:
            register_run(session, folder)
    finally:
        database.dispose()
    return True
