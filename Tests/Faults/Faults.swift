import Testing

/// What goes wrong from outside, and what may not follow from it. With the real controller and the simulated runtime, one
/// after the other.
@Suite(.serialized, .timeLimit(.minutes(3)))
enum Faults {}
