import Testing

/// The real controller with the simulated runtime, as a client sees them. One after the other: a test may look at times.
@Suite(.serialized)
enum Integration {}
