"""Tell the audit trail what happens to the rows of tracked models, in the transaction in which it happens."""
