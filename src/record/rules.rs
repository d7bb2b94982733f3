//! What our own checks refuse, field by field, before Clerk would.
