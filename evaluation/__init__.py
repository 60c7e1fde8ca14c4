"""How good a policy became, against its start and against noise."""
