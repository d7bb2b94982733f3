//! The local Clerk: the Backend API that an import needs, served on loopback, strict, with faults to be scripted.
