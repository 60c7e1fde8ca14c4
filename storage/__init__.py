"""The database: tables, migrations, import and export, snapshots, runs and jobs."""
