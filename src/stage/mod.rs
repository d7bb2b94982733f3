//! The stages: each moves users along one arrow of the flow, and prints nothing.
