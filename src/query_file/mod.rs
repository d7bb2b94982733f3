//! Query files: their text, their header, and the presets compiled into the binary.
