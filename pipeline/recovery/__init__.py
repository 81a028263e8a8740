"""Recovery: look whether the lake holds what the ledger says, and mend it where it does not."""
