//! From a row, or an element of a users file, to an import user: pure, without SQL, HTTP or a clock.
