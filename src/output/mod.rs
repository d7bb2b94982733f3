//! What people and programs read: tables, progress, the JSON object, the log file.
