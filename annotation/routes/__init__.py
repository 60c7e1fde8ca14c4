"""Routes: each handler loads, authorises and answers; queries are storage's."""
