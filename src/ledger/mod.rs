//! The ledger: the local memory of what each user's import is waiting for and how it ended.
